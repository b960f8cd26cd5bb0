//! Management of plugins: the active one, the previous one and a candidate in the shadow.

use super::{
    chosen_plugins::{ChosenPlugins, off_the_threads, with_settings},
    plugin_check,
};
use crate::{
    access::{Caller, DeviceScope},
    audit::AuditEntry,
    error::ServerError,
    metrics::Metrics,
    platform::PasswordHost,
    store::{AuditFilter, PluginFile, Store, StoreError},
    stored_responses::StoredResponses,
};
use mdm_contract::text::storable;
use mdm_password_host::{
    Canary, CanaryTerms, Deployment, Deployments, LoadError, Plugin, ShadowReport, component_of,
};
use std::sync::Arc;

/// Limit of groups for which a plugin is checked.
const MAX_GROUPS: usize = 500;

/// Management of plugins.
pub struct Plugins {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) host: Arc<PasswordHost>,
    pub(crate) chosen: Arc<ChosenPlugins>,
    pub(crate) responses: StoredResponses,
    pub(crate) metrics: Arc<Metrics>,
}

/// Actions on plugins in the audit trail.
const PLUGIN_ACTIONS: [&str; 3] = ["use-plugin", "roll-back-plugin", "keep-plugin"];

impl Plugins {
    /// The latest lines of the audit trail about plugins, latest first.
    pub async fn history(&self, limit: u32) -> Result<Vec<AuditEntry>, ServerError> {
        let filter = AuditFilter {
            actions: PLUGIN_ACTIONS.map(str::to_owned).to_vec(),
            ..AuditFilter::default()
        };
        let lines = self.store.audit(&filter, None, limit).await?;
        Ok(lines.into_iter().map(|line| line.entry).collect())
    }

    /// The active and the previous plugin, the progress of a canary, and the terms of its promotion.
    pub fn deployments(&self) -> (Deployments, Option<Canary>, CanaryTerms) {
        let rollout = self.host.rollout();
        let (canary, terms) = (rollout.canary(), rollout.canary_terms());
        (rollout.deployments(), canary, terms)
    }

    /// Checks a plugin against the contract, and activates it from the next call on, with these settings or its default
    /// ones.
    pub async fn use_plugin(
        &self,
        by: &Caller,
        file: PluginFile,
        settings: Option<String>,
    ) -> Result<(), ServerError> {
        // The plugin decides about every device.
        by.check_all()?;
        let kept = PluginFile {
            bytes: component_of(&file.bytes)?.to_vec(),
            signature: file.signature.clone().map(storable),
        };
        let new = Deployment {
            plugin: Arc::new(self.load_checked(file, settings).await?),
            is_default: false,
            is_promoted: false,
        };
        self.responses
            .once(by, self.swap(by, new, Some(kept)))
            .await
    }

    /// Changes the settings of the active plugin from the next call on. The plugin and its schema check them first; the
    /// first calls are a canary.
    pub async fn use_settings(&self, by: &Caller, settings: String) -> Result<(), ServerError> {
        by.check_all()?;
        self.responses
            .once(by, self.swap_settings(by, settings))
            .await
    }

    /// Activates the server's default plugin, with its default settings.
    pub async fn use_default(&self, by: &Caller) -> Result<(), ServerError> {
        by.check_all()?;
        self.responses
            .once(by, self.swap(by, self.chosen.default.clone(), None))
            .await
    }

    async fn swap(
        &self,
        by: &Caller,
        new: Deployment,
        file: Option<PluginFile>,
    ) -> Result<(), ServerError> {
        let next = |now: &Deployments| Ok(unless_active(now, &new));
        self.choose(by, "use-plugin", file, next).await
    }

    /// Errors with `Conflict` if another plugin became active during the check.
    async fn swap_settings(&self, by: &Caller, settings: String) -> Result<(), ServerError> {
        let active = self.host.rollout().deployments().active;
        let plugin = Arc::clone(&active.plugin);
        let with_settings = move |_: &ChosenPlugins| Ok(plugin.with_settings(&settings)?);
        let new = Deployment {
            plugin: Arc::new(self.checked(with_settings).await?),
            is_promoted: false,
            ..active
        };
        let next = |now: &Deployments| match now.active.plugin.digest() == new.plugin.digest() {
            true => Ok(unless_active(now, &new)),
            false => Err(StoreError::Conflict.into()),
        };
        self.choose(by, "use-plugin", None, next).await
    }

    /// Activates the previous plugin.
    pub async fn roll_back(&self, by: &Caller) -> Result<(), ServerError> {
        by.check_all()?;
        self.responses.once(by, self.choose_previous(by)).await
    }

    async fn choose_previous(&self, by: &Caller) -> Result<(), ServerError> {
        let next = |now: &Deployments| {
            let previous = now.rolled_back();
            previous.map(Some).ok_or(ServerError::NothingToRollBack)
        };
        self.choose(by, "roll-back-plugin", None, next).await
    }

    /// Starts a candidate in the shadow: it gets the same calls as the active plugin, without effect.
    pub async fn start_shadow(
        &self,
        by: &Caller,
        file: PluginFile,
        settings: Option<String>,
    ) -> Result<ShadowReport, ServerError> {
        by.check_all()?;
        let candidate = self.load_checked(file, settings).await?;
        tracing::info!(plugin = candidate.digest(), "a plugin runs in the shadow");
        Ok(self.host.rollout().start_shadow(candidate))
    }

    /// The report about the candidate in the shadow.
    pub fn shadow(&self) -> Result<ShadowReport, ServerError> {
        let shadow = self.host.rollout().shadow();
        shadow.ok_or(ServerError::NoShadow)
    }

    /// Stops the candidate in the shadow, and returns its report.
    pub fn stop_shadow(&self, by: &Caller) -> Result<ShadowReport, ServerError> {
        by.check_all()?;
        let shadow = self.host.rollout().stop_shadow();
        shadow.ok_or(ServerError::NoShadow)
    }

    /// Changes the chosen plugins for an admin.
    async fn choose(
        &self,
        by: &Caller,
        action: &str,
        file: Option<PluginFile>,
        next: impl Fn(&Deployments) -> Result<Option<Deployments>, ServerError>,
    ) -> Result<(), ServerError> {
        let record = |entry| self.responses.record(by, entry, &());
        let rollout = self.host.rollout();
        self.chosen
            .choose(rollout, (by, action, None), file, next, record)
            .await
    }

    /// Loads a plugin, and checks it with these settings, or with its default ones.
    async fn load_checked(
        &self,
        file: PluginFile,
        settings: Option<String>,
    ) -> Result<Plugin, ServerError> {
        let load = move |chosen: &ChosenPlugins| {
            // An untrusted plugin must not be compiled or run.
            let PluginFile { bytes, signature } = &file;
            chosen.trust.check(bytes, signature.as_deref())?;
            let plugin = chosen.runtime.load(bytes, chosen.artifacts.as_deref())?;
            Ok(with_settings(&plugin, settings.as_deref())?)
        };
        self.checked(load).await
    }

    /// Checks the conformance of a plugin, also for devices in the existing groups.
    async fn checked(
        &self,
        load: impl FnOnce(&ChosenPlugins) -> Result<Plugin, ServerError> + Send + 'static,
    ) -> Result<Plugin, ServerError> {
        let checking = &self.chosen.checking;
        let _checking = checking.try_lock().map_err(|_| ServerError::BusyChecking)?;
        let groups = self.store.groups(&DeviceScope::ALL).await?;
        let groups = groups.into_iter().take(MAX_GROUPS);
        let groups = groups.map(|group| group.name).collect();
        let chosen = Arc::clone(&self.chosen);
        let loaded = off_the_threads(move || {
            let plugin = load(&chosen)?;
            plugin_check::check(&plugin, chosen.artifacts.as_deref(), groups)?;
            Ok(plugin)
        })
        .await;
        if let Err(ServerError::NoPlugin(LoadError::DoesNotStart(failure))) = &loaded
            && let Some(limit) = failure.limit()
        {
            self.metrics.plugins.reached(limit);
        }
        loaded
    }
}

/// The deployments with this plugin active. `None` if it is already.
fn unless_active(now: &Deployments, new: &Deployment) -> Option<Deployments> {
    let is_active = now.active.plugin.identity() == new.plugin.identity();
    (!is_active).then(|| now.with(new.clone()))
}
