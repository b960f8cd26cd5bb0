//! Plugins as an admin manages them: which one decides, which one did before, and which one is a candidate in the shadow.

use super::{
    Service, ServiceError,
    chosen_plugins::{Plugins, off_the_threads},
    plugin_check,
};
use crate::{
    access::{Caller, Reach},
    store::PluginFile,
};
use mdm_contract::text::storable;
use mdm_password_host::{
    Canary, CanaryTerms, Deployment, Deployments, LoadError, Plugin, ShadowReport, component_of,
};
use std::sync::Arc;

/// The most groups that a plugin is checked for before it is used.
const MAX_GROUPS: usize = 500;

impl Service {
    /// The active plugin and the one before it, how far a canary is, and when it ends.
    pub fn plugins(&self) -> (Deployments, Option<Canary>, CanaryTerms) {
        let rollout = self.host.rollout();
        let (canary, terms) = (rollout.canary(), rollout.canary_terms());
        (rollout.deployments(), canary, terms)
    }

    /// Checks a plugin against the contract, and lets it decide from the next call on.
    pub async fn use_plugin(
        self: &Arc<Self>,
        by: &Caller,
        file: PluginFile,
    ) -> Result<(), ServiceError> {
        // It decides about every device.
        by.check_all()?;
        let kept = PluginFile {
            bytes: component_of(&file.bytes)?.to_vec(),
            signature: file.signature.clone().map(storable),
        };
        let plugin = self.load_checked(file).await?;
        let new = Deployment {
            plugin: Arc::new(plugin),
            is_default: false,
            is_promoted: false,
        };
        self.once(by, self.swap(by, new, Some(kept))).await
    }

    /// Lets the plugin decide that the host started with.
    pub async fn use_default_plugin(&self, by: &Caller) -> Result<(), ServiceError> {
        by.check_all()?;
        self.once(by, self.swap(by, self.plugins.default.clone(), None))
            .await
    }

    async fn swap(
        &self,
        by: &Caller,
        new: Deployment,
        file: Option<PluginFile>,
    ) -> Result<(), ServiceError> {
        let next = |now: &Deployments| {
            let is_active = now.active.plugin.digest() == new.plugin.digest();
            (!is_active).then(|| now.with(new.clone()))
        };
        self.choose(by, "use-plugin", file, next).await?;
        Ok(())
    }

    /// Lets the plugin decide that did before the active one.
    pub async fn roll_back_plugin(&self, by: &Caller) -> Result<(), ServiceError> {
        by.check_all()?;
        self.once(by, self.roll_back(by)).await
    }

    async fn roll_back(&self, by: &Caller) -> Result<(), ServiceError> {
        let next = Deployments::rolled_back;
        match self.choose(by, "roll-back-plugin", None, next).await? {
            true => Ok(()),
            false => Err(ServiceError::NothingToRollBack),
        }
    }

    /// Lets a candidate decide the same calls as the active plugin, without effect.
    pub async fn start_shadow(
        self: &Arc<Self>,
        by: &Caller,
        file: PluginFile,
    ) -> Result<ShadowReport, ServiceError> {
        by.check_all()?;
        let candidate = self.load_checked(file).await?;
        tracing::info!(plugin = candidate.digest(), "a plugin runs in the shadow");
        Ok(self.host.rollout().start_shadow(candidate))
    }

    /// What is known of the candidate in the shadow.
    pub fn shadow(&self) -> Result<ShadowReport, ServiceError> {
        let shadow = self.host.rollout().shadow();
        shadow.ok_or(ServiceError::NoShadow)
    }

    /// Takes the candidate out of the shadow, and says what is known of it.
    pub fn stop_shadow(&self, by: &Caller) -> Result<ShadowReport, ServiceError> {
        by.check_all()?;
        let shadow = self.host.rollout().stop_shadow();
        shadow.ok_or(ServiceError::NoShadow)
    }

    /// Changes which plugins decide, for an admin.
    async fn choose(
        &self,
        by: &Caller,
        action: &str,
        file: Option<PluginFile>,
        next: impl Fn(&Deployments) -> Option<Deployments>,
    ) -> Result<bool, ServiceError> {
        let record = |entry| self.record(by, entry, &());
        let rollout = self.host.rollout();
        self.plugins
            .choose(rollout, (by, action, None), file, next, record)
            .await
    }

    /// Loads a plugin that conforms, also for the devices in the groups that there are.
    async fn load_checked(self: &Arc<Self>, file: PluginFile) -> Result<Plugin, ServiceError> {
        let checking = &self.plugins.checking;
        let _checking = checking
            .try_lock()
            .map_err(|_| ServiceError::BusyChecking)?;
        let groups = self.store.groups(&Reach::ALL).await?;
        let groups = groups.into_iter().take(MAX_GROUPS);
        let groups = groups.map(|group| group.name).collect();
        let service = Arc::clone(self);
        let loaded = off_the_threads(move || {
            let Plugins {
                runtime,
                artifacts,
                trust,
                ..
            } = &*service.plugins;
            // Nothing of it is compiled or run before it is trusted.
            let PluginFile { bytes, signature } = &file;
            trust.check(bytes, signature.as_deref())?;
            let plugin = runtime.load(bytes, artifacts.as_deref())?;
            plugin_check::check(&plugin, artifacts.as_deref(), groups)?;
            Ok(plugin)
        })
        .await;
        if let Err(ServiceError::NoPlugin(LoadError::DoesNotStart(failure))) = &loaded
            && let Some(limit) = failure.limit()
        {
            self.metrics.plugins.reached(limit);
        }
        loaded
    }
}
