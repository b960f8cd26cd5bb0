//! A plugin: its code, its facts, settings, health and messages.

use super::{
    Function, Instance, Runtime,
    contract::*,
    digest::hex,
    error::PluginError,
    exports::ExportIndices,
    grants::Import,
    health::{BreakerTransition, Health, HealthReport},
    imports::HostState,
    limits::Limits,
    messages::{KeptMessages, LoggedMessage},
    settings::{SettingsError, SettingsSchema},
};
use sha2::{Digest as _, Sha256};
use std::{sync::Arc, time::Duration};
use wasmtime::{Store, component::InstancePre};

/// The maximum of resource handles of an instance: a call gets one secret.
const MAX_HANDLES: usize = 64;

/// The number of timeouts of a function without a device that count as the plugin's fault.
const TRIES: u32 = 8;

/// A plugin that fits the contract, ready to run, with its settings.
pub struct Plugin {
    runtime: Runtime,
    loaded: Arc<Loaded>,
    facts: Arc<PluginFacts>,
    settings: Arc<str>,
    health: Health,
    messages: KeptMessages,
}

/// The facts of a plugin, which do not depend on its settings.
pub(super) struct PluginFacts {
    pub(super) digest: [u8; 32],
    pub(super) contract: String,
    pub(super) imports: Vec<Import>,
    pub(super) description: PluginDescription,
    pub(super) schema: SettingsSchema,
}

impl Plugin {
    /// A loaded plugin with its default settings.
    pub(super) fn new(runtime: Runtime, loaded: Loaded, facts: PluginFacts) -> Self {
        Self {
            runtime,
            loaded: Arc::new(loaded),
            settings: facts.description.default_settings.as_str().into(),
            facts: Arc::new(facts),
            health: Health::default(),
            messages: KeptMessages::default(),
        }
    }

    /// The same plugin with other settings, which fit its schema and which it has checked. Its health begins anew. The
    /// machine code is shared.
    pub fn with_settings(&self, settings: &str) -> Result<Self, SettingsError> {
        self.facts.schema.check(settings)?;
        self.loaded
            .without_device(&self.runtime.limits, |it| it.check_settings(settings))
            .map_err(SettingsError::CheckFailed)?
            .map_err(SettingsError::Refused)?;
        Ok(Self {
            runtime: self.runtime.clone(),
            loaded: Arc::clone(&self.loaded),
            facts: Arc::clone(&self.facts),
            settings: settings.into(),
            health: Health::default(),
            messages: KeptMessages::default(),
        })
    }

    /// The description of the plugin by itself.
    pub fn description(&self) -> &PluginDescription {
        &self.facts.description
    }

    /// Its settings: a JSON object.
    pub fn settings(&self) -> &str {
        &self.settings
    }

    /// Its latest messages, oldest first: 100 at most.
    pub fn messages(&self) -> Vec<LoggedMessage> {
        self.messages.all()
    }

    /// Keeps a message of a live call.
    pub(super) fn keep_message(&self, message: LoggedMessage) {
        self.messages.keep(message);
    }

    /// Returns `true` if a live call may run now. An open breaker lets one call through after each rest.
    pub fn admits(&self, function: Function) -> bool {
        self.health.admits(function)
    }

    /// Records the result of a live call about a device. Returns the breaker's transition, if it opened or closed.
    pub fn note_call(
        &self,
        function: Function,
        device: &str,
        failure: Option<&PluginError>,
        time: Duration,
    ) -> Option<BreakerTransition> {
        self.health.note(function, device, failure, time)
    }

    /// The health of its live calls.
    pub fn health(&self) -> HealthReport {
        self.health.report()
    }

    /// The version of the contract that it implements: `1.0.0`.
    pub fn contract(&self) -> &str {
        &self.facts.contract
    }

    /// Its imports, with the access that each grants.
    pub fn imports(&self) -> &[Import] {
        &self.facts.imports
    }

    /// The SHA-256 digest of the component, in hex.
    pub fn digest(&self) -> String {
        hex(&self.facts.digest)
    }

    /// Returns `true` if its settings are its default ones.
    pub fn has_default_settings(&self) -> bool {
        *self.settings == *self.facts.description.default_settings
    }

    /// The SHA-256 digest of the component together with its settings, in hex.
    pub fn identity(&self) -> String {
        let identity = Sha256::new()
            .chain_update(self.facts.digest)
            .chain_update(self.settings.as_bytes());
        hex(&identity.finalize())
    }

    /// Returns `true` if this is the SHA-256 digest of the component.
    pub fn has_digest(&self, digest: &[u8; 32]) -> bool {
        self.facts.digest == *digest
    }

    /// Its runtime.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Makes an instance. The host makes one per call, so that a plugin can't carry data from one device to another.
    pub fn instance(&self) -> Result<Instance, PluginError> {
        let limits = &self.runtime.limits;
        self.loaded
            .instantiate(limits, Some(Arc::clone(&self.settings)))
            .map_err(|error| PluginError::from_trap(&error, limits))
    }
}

/// A linked component, ready for instances.
pub(super) struct Loaded {
    pub(super) pre: InstancePre<HostState>,
    pub(super) indices: ExportIndices,
}

impl Loaded {
    /// Makes an instance.
    pub(super) fn instantiate(
        &self,
        limits: &Limits,
        settings: Option<Arc<str>>,
    ) -> wasmtime::Result<Instance> {
        let mut store = Store::new(self.pre.engine(), HostState::new(limits, settings));
        store.limiter(|guest| &mut guest.limiter);
        store.set_epoch_deadline(limits.ticks());
        store.set_hostcall_fuel(limits.hostcall_bytes);
        store.set_max_component_handles(MAX_HANDLES);
        let instance = self.pre.instantiate(&mut store)?;
        Ok(Instance::new(store, instance, &self.indices, limits))
    }

    /// Runs a function without a device, on an instance of its own. A busy machine is not the plugin's fault: a call
    /// that took too long is tried again.
    pub(super) fn without_device<T>(
        &self,
        limits: &Limits,
        call: impl Fn(&mut Instance) -> Result<T, PluginError>,
    ) -> Result<T, PluginError> {
        let mut tries = 1..TRIES;
        loop {
            let instance = self.instantiate(limits, None);
            let mut instance = instance.map_err(|error| PluginError::from_trap(&error, limits))?;
            match call(&mut instance) {
                Err(PluginError::TooSlow(_)) if tries.next().is_some() => {}
                told => return told,
            }
        }
    }
}
