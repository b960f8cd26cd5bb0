//! Plugins as an admin manages them: which one decides, which one did before, and which one is tried in
//! the shadow. What is chosen is kept in the store; commands belong to the host and outlive any swap.

use super::{
    MOST_ROUNDS, Service, ServiceError, plugin_check,
    shadow::{Shadow, ShadowReport},
    stand_in::WhenTrialFails,
};
use crate::{
    access::{Caller, Reach},
    audit::AuditEntry,
    store::{ChosenPlugin, PluginChoice, PluginFile, Store, StoreError},
};
use mdm_contract::text::storable;
use mdm_contract::time;
use mdm_password_host::{
    Artifacts, Limits, LoadError, Places, Plugin, PluginError, Runtime, Slot, Slotted, Trial,
    TrialEnd, TrialTerms, Trust, component_of,
};
use std::sync::{Arc, Mutex, PoisonError};

/// The most groups that a plugin is checked for before it is used.
const MAX_GROUPS: usize = 500;

/// How a host deals with plugins.
pub struct PluginSettings {
    /// What decides unless another plugin was chosen.
    pub default: Plugin,
    /// Where compiled plugins are kept.
    pub artifacts: Option<Artifacts>,
    /// When a new plugin is taken out again.
    pub trial: TrialTerms,
    /// What decides where the plugin on trial fails.
    pub when_trial_fails: WhenTrialFails,
    /// What decides while the active plugin is out of service; none: nobody does.
    pub fallback: Option<Plugin>,
    /// Which plugins may be chosen.
    pub trust: Trust,
    /// Whether the plugins that the host starts with have to pass the conformance kit. Those that an admin chooses
    /// always have to.
    pub checked_at_start: bool,
}

impl PluginSettings {
    /// Errors with `DoesNotConform` if the host may not start with its default plugin.
    pub fn check(&self) -> Result<(), ServiceError> {
        let check = || plugin_check::check_at_start(&self.default, self.artifacts.as_ref());
        if self.checked_at_start {
            check()
        } else {
            Ok(())
        }
    }
}

impl From<Plugin> for PluginSettings {
    /// This plugin, and otherwise what is usual.
    fn from(default: Plugin) -> Self {
        Self {
            default,
            artifacts: None,
            trial: TrialTerms::default(),
            when_trial_fails: WhenTrialFails::default(),
            fallback: None,
            trust: Trust::default(),
            checked_at_start: true,
        }
    }
}

/// The plugins of a host.
pub struct Plugins {
    runtime: Runtime,
    artifacts: Option<Arc<Artifacts>>,
    trust: Trust,
    checked_at_start: bool,
    default: Slotted,
    pub(super) slot: Slot,
    when_trial_fails: WhenTrialFails,
    /// What decides while the active plugin is out of service; none: nobody does.
    fallback: Option<Arc<Plugin>>,
    shadow: Mutex<Option<Arc<Shadow>>>,
    /// The number of the choice that is in the slot; held while it changes.
    choosing: tokio::sync::Mutex<u64>,
    /// Held while a plugin is compiled and checked: that takes memory and a processor.
    checking: tokio::sync::Mutex<()>,
}

impl Plugins {
    /// The plugins that were chosen before, or else the default one.
    pub async fn open(store: &dyn Store, settings: PluginSettings) -> Result<Self, ServiceError> {
        let settings = off_the_threads(move || settings.check().map(|()| settings)).await?;
        let PluginSettings {
            default,
            artifacts,
            trial,
            when_trial_fails,
            fallback,
            trust,
            checked_at_start,
        } = settings;
        let runtime = default.runtime().clone();
        let default = Slotted {
            plugin: Arc::new(default),
            is_default: true,
            is_proven: true,
        };
        let places = Places {
            active: default.clone(),
            previous: None,
        };
        let plugins = Self {
            slot: Slot::new(places, trial),
            when_trial_fails,
            fallback: fallback.map(Arc::new),
            runtime,
            artifacts: artifacts.map(Arc::new),
            trust,
            checked_at_start,
            default,
            shadow: Mutex::default(),
            choosing: tokio::sync::Mutex::default(),
            checking: tokio::sync::Mutex::default(),
        };
        plugins.follow(store).await?;
        Ok(plugins)
    }

    /// Puts in the slot what was chosen, here or at another replica.
    pub(super) async fn follow(&self, store: &dyn Store) -> Result<(), ServiceError> {
        let mut choosing = self.choosing.lock().await;
        self.catch_up(store, &mut choosing).await
    }

    async fn catch_up(&self, store: &dyn Store, at: &mut u64) -> Result<(), ServiceError> {
        let (number, active, previous) = match store.plugin_choice().await? {
            None => (0, None, None),
            Some(choice) => (choice.number, choice.active, choice.previous),
        };
        if number == *at {
            return Ok(());
        }
        let is_none_before = active == previous;
        let active = self.chosen(store, active).await?;
        let previous = match is_none_before {
            true => None,
            // Nobody waits for the previous one: it can be chosen anew.
            false => self
                .chosen(store, previous)
                .await
                .inspect_err(|error| tracing::warn!(%error, "the previous plugin can't be loaded"))
                .ok(),
        };
        self.slot.put(Places { active, previous });
        *at = number;
        Ok(())
    }

    /// A plugin that was chosen; none: the one that the host starts with.
    async fn chosen(
        &self,
        store: &dyn Store,
        chosen: Option<ChosenPlugin>,
    ) -> Result<Slotted, ServiceError> {
        let Some(ChosenPlugin { digest, is_proven }) = chosen else {
            return Ok(self.default.clone());
        };
        let Places { active, previous } = self.slot.places();
        let known = [Some(active), previous].into_iter().flatten();
        let known = known.filter(|it| !it.is_default);
        if let Some(known) = known.into_iter().find(|it| it.plugin.digest() == digest) {
            return Ok(Slotted { is_proven, ..known });
        }
        let lost = || StoreError::Failed(format!("the file of plugin {digest} is gone"));
        let file = store.plugin_file(&digest).await?.ok_or_else(lost)?;
        // What was trusted when it was chosen may not be any more.
        self.trust.check(&file.bytes, file.signature.as_deref())?;
        let (runtime, artifacts) = (self.runtime.clone(), self.artifacts.clone());
        let is_checked = self.checked_at_start;
        // It may have to be compiled and checked first: it was by the host that chose it, perhaps by an older kit.
        let plugin = off_the_threads(move || {
            let plugin = runtime.load(&file.bytes, artifacts.as_deref())?;
            if plugin.digest() != digest {
                let text = format!("the file of plugin {digest} is that of another one");
                return Err(StoreError::Failed(text).into());
            }
            if is_checked {
                plugin_check::check_at_start(&plugin, artifacts.as_deref())?;
            }
            Ok(plugin)
        })
        .await?;
        Ok(Slotted {
            plugin: Arc::new(plugin),
            is_default: false,
            is_proven,
        })
    }

    /// What a call may use.
    pub(super) fn limits(&self) -> &Limits {
        self.runtime.limits()
    }

    pub(super) fn when_trial_fails(&self) -> WhenTrialFails {
        self.when_trial_fails
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
    pub fn plugins(&self) -> (Places, Option<Trial>, TrialTerms) {
        let slot = &self.plugins.slot;
        (slot.places(), slot.trial(), slot.terms())
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
        let new = Slotted {
            plugin: Arc::new(plugin),
            is_default: false,
            is_proven: false,
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
        new: Slotted,
        file: Option<PluginFile>,
    ) -> Result<(), ServiceError> {
        let next = |places: &Places| {
            let is_active = places.active.plugin.digest() == new.plugin.digest();
            (!is_active).then(|| places.with(new.clone()))
        };
        self.choose((by, "use-plugin", None), file, next).await?;
        Ok(())
    }

    /// Lets the plugin decide that did before the active one.
    pub async fn roll_back_plugin(&self, by: &Caller) -> Result<(), ServiceError> {
        by.check_all()?;
        self.once(by, self.roll_back(by)).await
    }

    async fn roll_back(&self, by: &Caller) -> Result<(), ServiceError> {
        let by = (by, "roll-back-plugin", None);
        match self.choose(by, None, Places::rolled_back).await? {
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
    pub fn stop_shadow(&self, by: &Caller) -> Result<ShadowReport, ServiceError> {
        by.check_all()?;
        let shadow = self.plugins.set_shadow(None);
        Ok(shadow.ok_or(ServiceError::NoShadow)?.report())
    }

    /// The trial of a plugin has ended: it stays, or the one before it is put back.
    pub(super) async fn end_trial(
        &self,
        plugin: &Arc<Plugin>,
        end: TrialEnd,
        last: Option<&PluginError>,
    ) {
        let terms = self.plugins.slot.terms();
        let digest = plugin.digest();
        let (action, detail) = match end {
            TrialEnd::Passed => (
                "keep-plugin",
                format!(
                    "plugin {digest} has passed its trial of {} calls",
                    terms.calls
                ),
            ),
            TrialEnd::Failed => {
                let last = last.map(ToString::to_string).unwrap_or_default();
                let text = format!(
                    "plugin {digest} failed {} times on trial; at last: {last}",
                    terms.failures
                );
                ("roll-back-plugin", text)
            }
        };
        // Calls end beside each other, and an admin may have chosen another one meanwhile.
        let next = |places: &Places| match end {
            _ if !places.is_on_trial(plugin) => None,
            TrialEnd::Passed => Some(places.proven()),
            TrialEnd::Failed => places.rolled_back(),
        };
        if let Err(error) = self
            .choose((&Caller::host(), action, Some(detail)), None, next)
            .await
        {
            tracing::error!(%error, "the choice of the plugin was not kept");
        }
    }

    /// Changes which plugins are in the slot; false: there is nothing to change. The choice is kept, with
    /// its line in the audit trail, before it counts: a host that stops in between starts with what was
    /// chosen.
    async fn choose(
        &self,
        (by, action, detail): (&Caller, &str, Option<String>),
        file: Option<PluginFile>,
        next: impl Fn(&Places) -> Option<Places>,
    ) -> Result<bool, ServiceError> {
        let mut choosing = self.plugins.choosing.lock().await;
        for _ in 0..MOST_ROUNDS {
            let Some(places) = next(&self.plugins.slot.places()) else {
                return Ok(false);
            };
            let chosen = |it: &Slotted| {
                (!it.is_default).then(|| ChosenPlugin {
                    digest: it.plugin.digest(),
                    is_proven: it.is_proven,
                })
            };
            let choice = PluginChoice {
                number: *choosing + 1,
                active: chosen(&places.active),
                previous: places.previous.as_ref().and_then(chosen),
            };
            let plugin = places.active.plugin.digest();
            tracing::info!(
                plugin,
                actor = %by.actor,
                action,
                detail,
                "the choice of the plugin"
            );
            let audit = AuditEntry {
                detail: detail.clone(),
                plugin: Some(plugin),
                ..AuditEntry::new(time::now(), by, action)
            };
            let audit = self.record(by, audit, &())?;
            match self.store.choose_plugin(choice, file.clone(), audit).await {
                Ok(()) => {
                    self.plugins.slot.put(places);
                    *choosing += 1;
                    return Ok(true);
                }
                // Another replica was first: what follows its choice is to be found anew.
                Err(StoreError::Conflict) => {
                    let store = self.store.as_ref();
                    self.plugins.catch_up(store, &mut choosing).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
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
            } = &service.plugins;
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

/// Runs what takes seconds off the threads that serve everyone else.
async fn off_the_threads<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ServiceError> + Send + 'static,
) -> Result<T, ServiceError> {
    let done = tokio::task::spawn_blocking(work);
    done.await
        .map_err(|error| LoadError::Engine(error.to_string()))?
}
