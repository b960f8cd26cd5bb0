//! Plugins as an admin manages them: which one decides, which one did before, and which one is tried in
//! the shadow. What is chosen is kept in the store; commands belong to the host and outlive any swap.

use super::{
    Service, ServiceError,
    shadow::{Shadow, ShadowReport},
};
use crate::{
    conformance::{self, Thoroughness, Verdict},
    plugin::{Artifacts, LoadError, Places, Plugin, Runtime, Slot, Slotted, TrialTerms, Trust},
    store::{AuditEntry, PluginChoice, PluginFile, Store, StoreError},
};
use mdm_wire::time;
use std::sync::{Arc, Mutex, PoisonError};

/// How thorough the check of a plugin is before it is used: the cases, and some sequences.
const CHECK: Thoroughness = Thoroughness {
    seed: 1,
    sequences: 50,
};

/// The most failed cases that a refusal names.
const MOST_NAMED: usize = 5;

/// How a host deals with plugins.
pub struct PluginSettings {
    /// What decides unless another plugin was chosen.
    pub default: Plugin,
    /// Where compiled plugins are kept.
    pub artifacts: Option<Artifacts>,
    /// When a new plugin is taken out again.
    pub trial: TrialTerms,
    /// What decides while the active plugin is out of service; none: nobody does.
    pub fallback: Option<Plugin>,
    /// Which plugins may be chosen.
    pub trust: Trust,
}

impl From<Plugin> for PluginSettings {
    /// This plugin, and otherwise what is usual.
    fn from(default: Plugin) -> Self {
        Self {
            default,
            artifacts: None,
            trial: TrialTerms::default(),
            fallback: None,
            trust: Trust::default(),
        }
    }
}

/// The plugins of a host.
pub struct Plugins {
    runtime: Runtime,
    artifacts: Option<Artifacts>,
    trust: Trust,
    default: Slotted,
    pub(super) slot: Slot,
    /// What decides while the active plugin is out of service; none: nobody does.
    fallback: Option<Arc<Plugin>>,
    shadow: Mutex<Option<Arc<Shadow>>>,
    /// Held while what is chosen changes.
    choosing: tokio::sync::Mutex<()>,
}

impl Plugins {
    /// The plugins that were chosen before, or else the default one.
    pub async fn open(store: &dyn Store, settings: PluginSettings) -> Result<Self, ServiceError> {
        let PluginSettings {
            default,
            artifacts,
            trial,
            fallback,
            trust,
        } = settings;
        let runtime = default.runtime().clone();
        let default = Slotted {
            plugin: Arc::new(default),
            is_default: true,
        };
        let chosen = async |digest: Option<String>| {
            let Some(digest) = digest else {
                return Ok(default.clone());
            };
            let lost = || StoreError::Failed(format!("the file of plugin {digest} is gone"));
            let file = store.plugin_file(&digest).await?.ok_or_else(lost)?;
            // What was trusted when it was chosen may not be any more.
            trust.check(&digest, &file.bytes, file.signature.as_deref())?;
            Ok::<_, ServiceError>(Slotted {
                plugin: Arc::new(runtime.load(&file.bytes, artifacts.as_ref())?),
                is_default: false,
            })
        };
        let (active, previous) = match store.plugin_choice().await? {
            None => (default.clone(), None),
            Some(choice) => {
                let active = chosen(choice.active).await?;
                // Nobody waits for the previous one: it can be chosen anew.
                let previous = chosen(choice.previous).await.inspect_err(|error| {
                    tracing::warn!(%error, "the previous plugin can't be loaded");
                });
                (active, previous.ok())
            }
        };
        Ok(Self {
            slot: Slot::new(active, previous, trial),
            fallback: fallback.map(Arc::new),
            runtime,
            artifacts,
            trust,
            default,
            shadow: Mutex::default(),
            choosing: tokio::sync::Mutex::default(),
        })
    }

    /// How many instances can run at one time.
    pub(super) fn most_instances(&self) -> usize {
        self.runtime.limits().instances as usize
    }

    pub(super) fn fallback(&self) -> Option<Arc<Plugin>> {
        self.fallback.clone()
    }

    pub(super) fn shadow(&self) -> Option<Arc<Shadow>> {
        self.shadow
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set_shadow(&self, shadow: Option<Arc<Shadow>>) -> Option<Arc<Shadow>> {
        let mut place = self.shadow.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut place, shadow)
    }
}

impl Service {
    /// The plugins in the slot: the active one, the one before it, and how far a trial is.
    pub fn plugins(&self) -> (Places, TrialTerms) {
        (self.plugins.slot.places(), self.plugins.slot.terms())
    }

    /// Checks a plugin against the contract, and lets it decide from the next call on.
    pub async fn use_plugin(self: &Arc<Self>, file: PluginFile) -> Result<(), ServiceError> {
        let plugin = self.load_checked(file.clone()).await?;
        let slotted = Slotted {
            plugin: Arc::new(plugin),
            is_default: false,
        };
        self.swap(slotted, Some(file)).await
    }

    /// Lets the plugin decide that the host started with.
    pub async fn use_default_plugin(self: &Arc<Self>) -> Result<(), ServiceError> {
        self.swap(self.plugins.default.clone(), None).await
    }

    /// Lets the plugin decide that did before the active one.
    pub async fn roll_back_plugin(&self) -> Result<(), ServiceError> {
        let _choosing = self.plugins.choosing.lock().await;
        let Places {
            active, previous, ..
        } = self.plugins.slot.places();
        let previous = previous.ok_or(ServiceError::NothingToRollBack)?;
        let audit = audit("admin", "roll-back-plugin", &previous, None);
        self.keep_choice(&previous, Some(&active), None, audit)
            .await?;
        self.plugins.slot.roll_back();
        Ok(())
    }

    /// Lets a candidate decide the same calls as the active plugin, without effect.
    pub async fn start_shadow(
        self: &Arc<Self>,
        file: PluginFile,
    ) -> Result<ShadowReport, ServiceError> {
        let shadow = Arc::new(Shadow::new(self.load_checked(file).await?));
        tracing::info!(
            plugin = shadow.report().digest,
            "a plugin runs in the shadow"
        );
        self.plugins.set_shadow(Some(Arc::clone(&shadow)));
        Ok(shadow.report())
    }

    /// What is known of the candidate in the shadow.
    pub fn shadow(&self) -> Result<ShadowReport, ServiceError> {
        let shadow = self.plugins.shadow().ok_or(ServiceError::NoShadow)?;
        Ok(shadow.report())
    }

    /// Takes the candidate out of the shadow, and says what is known of it.
    pub fn stop_shadow(&self) -> Result<ShadowReport, ServiceError> {
        let shadow = self.plugins.set_shadow(None);
        Ok(shadow.ok_or(ServiceError::NoShadow)?.report())
    }

    /// The latest lines of the audit trail about the host itself, latest first.
    pub async fn host_audit(&self, most: u32) -> Result<Vec<AuditEntry>, ServiceError> {
        Ok(self.store.audit(None, most).await?)
    }

    /// The previous plugin is back because the new one failed too often.
    pub(super) async fn note_failed_trial(&self, failed: &Plugin, last: String) {
        let _choosing = self.plugins.choosing.lock().await;
        let places = self.plugins.slot.places();
        let terms = self.plugins.slot.terms();
        let detail = format!(
            "plugin {} failed {} of its first {} calls; at last: {last}",
            failed.digest(),
            terms.failures,
            terms.calls
        );
        let audit = audit("host", "roll-back-plugin", &places.active, Some(detail));
        let kept = self
            .keep_choice(&places.active, places.previous.as_ref(), None, audit)
            .await;
        if let Err(error) = kept {
            tracing::error!(%error, "the choice of the plugin was not kept");
        }
    }

    /// The choice is kept before it counts: a host that stops in between starts with the new plugin.
    async fn swap(&self, plugin: Slotted, file: Option<PluginFile>) -> Result<(), ServiceError> {
        let _choosing = self.plugins.choosing.lock().await;
        let active = self.plugins.slot.places().active;
        if active.plugin.digest() == plugin.plugin.digest() {
            return Ok(());
        }
        let audit = audit("admin", "use-plugin", &plugin, None);
        self.keep_choice(&plugin, Some(&active), file, audit)
            .await?;
        self.plugins.slot.swap(plugin);
        Ok(())
    }

    /// Keeps a choice, so that the next start finds it.
    async fn keep_choice(
        &self,
        active: &Slotted,
        previous: Option<&Slotted>,
        file: Option<PluginFile>,
        audit: AuditEntry,
    ) -> Result<(), ServiceError> {
        let digest = |it: &Slotted| (!it.is_default).then(|| it.plugin.digest());
        let choice = PluginChoice {
            active: digest(active),
            previous: previous.and_then(digest),
        };
        tracing::info!(
            plugin = audit.plugin,
            actor = audit.actor,
            action = audit.action,
            detail = audit.detail,
            "another plugin decides"
        );
        Ok(self.store.choose_plugin(choice, file, audit).await?)
    }

    /// Loads a plugin that conforms. Compiling and checking one can take seconds: off the threads that
    /// serve everyone else.
    async fn load_checked(self: &Arc<Self>, file: PluginFile) -> Result<Plugin, ServiceError> {
        let service = Arc::clone(self);
        let checked = tokio::task::spawn_blocking(move || {
            let Plugins {
                runtime,
                artifacts,
                trust,
                ..
            } = &service.plugins;
            // Nothing of it is compiled or run before it is trusted.
            let PluginFile { bytes, signature } = &file;
            trust.check(&runtime.digest(bytes), bytes, signature.as_deref())?;
            let plugin = runtime.load(bytes, artifacts.as_ref())?;
            let conformance = conformance::check(&plugin, CHECK)
                .map_err(|error| LoadError::Engine(error.to_string()))?;
            let failed: Vec<String> = conformance
                .findings
                .into_iter()
                .filter(|finding| finding.verdict == Verdict::Fail)
                .map(|finding| finding.case)
                .collect();
            if failed.is_empty() {
                return Ok(plugin);
            }
            Err(ServiceError::DoesNotConform {
                failed: failed.len(),
                first: failed.into_iter().take(MOST_NAMED).collect(),
            })
        });
        checked
            .await
            .map_err(|error| LoadError::Engine(error.to_string()))?
    }
}

/// A line in the audit trail about the host itself: another plugin decides.
fn audit(actor: &str, action: &str, active: &Slotted, detail: Option<String>) -> AuditEntry {
    AuditEntry {
        at: time::now(),
        actor: actor.to_owned(),
        action: action.to_owned(),
        device: None,
        command: None,
        detail,
        plugin: Some(active.plugin.digest()),
    }
}
