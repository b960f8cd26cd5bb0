//! The chosen plugins: the store keeps the choice, each replica follows it and applies it to its rollout.

use super::{options::PluginOptions, plugin_check, settings_change::settings_change};
use crate::{
    access::Caller,
    audit::AuditEntry,
    device_records::MAX_ATTEMPTS,
    error::ServerError,
    platform::{AgentTransport, PasswordHost, StoredDevices},
    store::{ChosenPlugin, PluginChoice, PluginFile, RequestRecord, Store, StoreError},
};
use mdm_contract::time;
use mdm_password_host::{
    Artifacts, CanaryEnd, CanaryEnded, CanaryTerms, Deployment, Deployments, HostBuilder,
    LoadError, Plugin, Rollout, RolloutStore, Runtime, SettingsError, Trust, WhenCanaryFails,
};
use std::{pin::Pin, sync::Arc};

/// The chosen plugins, as the store keeps them.
pub struct ChosenPlugins {
    store: Arc<dyn Store>,
    pub(super) runtime: Runtime,
    pub(super) artifacts: Option<Arc<Artifacts>>,
    pub(super) trust: Trust,
    checked_at_start: bool,
    pub(super) default: Deployment,
    canary_terms: CanaryTerms,
    when_canary_fails: WhenCanaryFails,
    /// The chosen plugins when the store was opened.
    at_start: Deployments,
    /// Number of the applied choice. The lock is held while the choice changes.
    choosing: tokio::sync::Mutex<u64>,
    /// Limits compilation and checks, which take memory and a processor, to one at a time.
    pub(super) checking: tokio::sync::Mutex<()>,
}

impl ChosenPlugins {
    /// Loads the chosen plugins, or the default one.
    pub async fn open(store: Arc<dyn Store>, options: PluginOptions) -> Result<Self, ServerError> {
        let options = off_the_threads(move || options.check().map(|()| options)).await?;
        let default = Deployment {
            plugin: Arc::new(options.default),
            is_default: true,
            is_promoted: true,
        };
        let mut plugins = Self {
            store,
            runtime: default.plugin.runtime().clone(),
            artifacts: options.artifacts.map(Arc::new),
            trust: options.trust,
            checked_at_start: options.checked_at_start,
            canary_terms: options.canary_terms,
            when_canary_fails: options.when_canary_fails,
            at_start: Deployments {
                active: default.clone(),
                previous: None,
            },
            default,
            choosing: tokio::sync::Mutex::default(),
            checking: tokio::sync::Mutex::default(),
        };
        if let Some((number, deployments)) = plugins.newer_than(0, &plugins.at_start).await? {
            plugins.at_start = deployments;
            plugins.choosing = tokio::sync::Mutex::new(number);
        }
        Ok(plugins)
    }

    /// Builds the host with these plugins.
    pub(crate) fn of_host(
        self: &Arc<Self>,
        host: HostBuilder<StoredDevices, AgentTransport>,
    ) -> Result<PasswordHost, ServerError> {
        let host = host
            .loaded_plugin(Arc::clone(&self.default.plugin))
            .canary_terms(self.canary_terms)
            .when_canary_fails(self.when_canary_fails)
            .rollout_store(Arc::clone(self) as _)
            .build()?;
        host.rollout().put(self.at_start.clone());
        Ok(host)
    }

    /// Applies the choice in the store, also if another replica made it.
    pub(crate) async fn follow(&self, rollout: &Rollout) -> Result<(), ServerError> {
        let mut choosing = self.choosing.lock().await;
        self.catch_up(rollout, &mut choosing).await
    }

    async fn catch_up(&self, rollout: &Rollout, at: &mut u64) -> Result<(), ServerError> {
        if let Some((number, next)) = self.newer_than(*at, &rollout.deployments()).await? {
            rollout.put(next);
            *at = number;
        }
        Ok(())
    }

    /// The choice in the store, if its number differs from this one.
    async fn newer_than(
        &self,
        at: u64,
        now: &Deployments,
    ) -> Result<Option<(u64, Deployments)>, ServerError> {
        let (number, active, previous) = match self.store.plugin_choice().await? {
            None => (0, ChosenPlugin::DEFAULT, ChosenPlugin::DEFAULT),
            Some(choice) => (choice.number, choice.active, choice.previous),
        };
        if number == at {
            return Ok(None);
        }
        let is_none_before = active == previous;
        let active = self.chosen(active, now).await?;
        let previous = match is_none_before {
            true => None,
            // Nothing waits for the previous plugin: an operator can choose it again.
            false => self
                .chosen(previous, now)
                .await
                .inspect_err(|error| tracing::warn!(%error, "the previous plugin can't be loaded"))
                .ok(),
        };
        Ok(Some((number, Deployments { active, previous })))
    }

    /// Prepares a chosen plugin, with its settings.
    async fn chosen(
        &self,
        chosen: ChosenPlugin,
        now: &Deployments,
    ) -> Result<Deployment, ServerError> {
        let known = [
            Some(&self.default),
            Some(&now.active),
            now.previous.as_ref(),
        ];
        let mut known = known.into_iter().flatten().map(|it| (it, as_chosen(it)));
        let is_promoted = chosen.is_promoted;
        let is_same =
            |it: &ChosenPlugin| (&it.digest, &it.settings) == (&chosen.digest, &chosen.settings);
        if let Some((known, _)) = known.clone().find(|(_, it)| is_same(it)) {
            return Ok(Deployment {
                is_promoted,
                ..known.clone()
            });
        }
        let of_digest = known.find(|(_, it)| it.digest == chosen.digest);
        let plugin = match (of_digest, &chosen.digest) {
            (Some((known, _)), _) => Arc::clone(&known.plugin),
            (None, Some(digest)) => self.load(digest).await?,
            (None, None) => Arc::clone(&self.default.plugin),
        };
        let artifacts = self.artifacts.clone();
        let is_checked = self.checked_at_start;
        // This replica may have to check it: another one made the choice, perhaps with an older kit.
        let plugin = off_the_threads(move || {
            let plugin = with_settings(&plugin, chosen.settings.as_deref())?;
            if is_checked {
                plugin_check::check_at_start(&plugin, artifacts.as_deref())?;
            }
            Ok(plugin)
        })
        .await?;
        Ok(Deployment {
            plugin: Arc::new(plugin),
            is_default: chosen.digest.is_none(),
            is_promoted,
        })
    }

    /// Loads the file of a chosen plugin.
    async fn load(&self, digest: &str) -> Result<Arc<Plugin>, ServerError> {
        let lost = || StoreError::Failed(format!("the file of plugin {digest} is gone"));
        let file = self.store.plugin_file(digest).await?.ok_or_else(lost)?;
        // The trust rules may have changed since the choice.
        self.trust.check(&file.bytes, file.signature.as_deref())?;
        let (runtime, artifacts) = (self.runtime.clone(), self.artifacts.clone());
        let plugin =
            off_the_threads(move || Ok(runtime.load(&file.bytes, artifacts.as_deref())?)).await?;
        if plugin.digest() != digest {
            let text = format!("the file of plugin {digest} is that of another one");
            return Err(StoreError::Failed(text).into());
        }
        Ok(Arc::new(plugin))
    }

    /// Changes the chosen plugins; `next` returns `None` if there is nothing to change. The store commits the choice and its
    /// line in the audit trail before it takes effect, so that a crash in between loses nothing.
    pub(super) async fn choose(
        &self,
        rollout: &Rollout,
        (by, action, detail): (&Caller, &str, Option<String>),
        file: Option<PluginFile>,
        next: impl Fn(&Deployments) -> Result<Option<Deployments>, ServerError>,
        record: impl Fn(AuditEntry) -> Result<RequestRecord, ServerError>,
    ) -> Result<(), ServerError> {
        let mut choosing = self.choosing.lock().await;
        for _ in 0..MAX_ATTEMPTS {
            let now = rollout.deployments();
            let Some(next) = next(&now)? else {
                return Ok(());
            };
            let changed = || settings_change(&now.active.plugin, &next.active.plugin);
            let detail = detail.clone().or_else(changed);
            let choice = PluginChoice {
                number: *choosing + 1,
                active: as_chosen(&next.active),
                previous: as_chosen(next.previous.as_ref().unwrap_or(&next.active)),
            };
            let plugin = next.active.plugin.digest();
            tracing::info!(
                plugin,
                actor = %by.actor,
                action,
                detail,
                "the choice of the plugin"
            );
            let audit = AuditEntry {
                detail,
                plugin: Some(plugin),
                ..AuditEntry::new(time::now(), by, action)
            };
            let audit = record(audit)?;
            match self.store.choose_plugin(choice, file.clone(), audit).await {
                Ok(()) => {
                    rollout.put(next);
                    *choosing += 1;
                    return Ok(());
                }
                // Another replica was first, so the change has to be computed again from its choice.
                Err(StoreError::Conflict) => self.catch_up(rollout, &mut choosing).await?,
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    async fn end_canary(&self, rollout: &Rollout, ended: &CanaryEnded) -> Result<(), ServerError> {
        let (terms, digest) = (rollout.canary_terms(), ended.plugin.digest());
        let (action, detail) = match ended.end {
            CanaryEnd::Promoted => (
                "keep-plugin",
                format!("plugin {digest} was promoted after {} calls", terms.calls),
            ),
            CanaryEnd::RolledBack => {
                let last = ended.failure.as_deref().unwrap_or_default();
                let text = format!(
                    "plugin {digest} failed {} times as a canary; at last: {last}",
                    terms.failures
                );
                ("roll-back-plugin", text)
            }
        };
        let by = (&Caller::host(), action, Some(detail));
        let next = |now: &Deployments| Ok(now.after(ended));
        self.choose(rollout, by, None, next, |entry| Ok(entry.into()))
            .await
    }
}

impl RolloutStore for ChosenPlugins {
    fn canary_ended<'a>(
        &'a self,
        rollout: &'a Rollout,
        ended: &'a CanaryEnded,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async {
            if let Err(error) = self.end_canary(rollout, ended).await {
                tracing::error!(%error, "the choice of the plugin was not stored");
            }
        })
    }
}

/// The stored form of a plugin with its settings.
fn as_chosen(deployment: &Deployment) -> ChosenPlugin {
    let plugin = &deployment.plugin;
    ChosenPlugin {
        digest: (!deployment.is_default).then(|| plugin.digest()),
        settings: (!plugin.has_default_settings()).then(|| plugin.settings().to_owned()),
        is_promoted: deployment.is_promoted,
    }
}

/// The plugin with these settings. `None` is its default ones.
pub(super) fn with_settings(
    plugin: &Plugin,
    settings: Option<&str>,
) -> Result<Plugin, SettingsError> {
    let default = &plugin.description().default_settings;
    plugin.with_settings(settings.unwrap_or(default))
}

/// Runs work that takes seconds off the threads that serve everyone else.
pub(super) async fn off_the_threads<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ServerError> + Send + 'static,
) -> Result<T, ServerError> {
    let done = tokio::task::spawn_blocking(work);
    done.await
        .map_err(|error| LoadError::Engine(error.to_string()))?
}
