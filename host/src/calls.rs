//! Calls of a plugin. Each takes a call context. A request returns the decision, with its effects if the plugin accepted;
//! a query returns its result. A call that traps or violates an invariant returns an error and no effects.

use super::{
    CallContext, Function, Runtime,
    bindings::PasswordPluginIndices,
    context::Secret,
    contract::*,
    digest::hex,
    engine_shards::{EngineShards, ShardGuard},
    error::{PluginError, backtrace},
    exports::{ExportIndices, Exports},
    grants::Import,
    health::{BreakerTransition, Health, HealthReport},
    imports::HostState,
    invariant::{check_accepted, check_answered, check_returned, in_order},
    limits::Limits,
    messages::{KeptMessages, LoggedMessage, Messages},
    outcome::CallOutcome,
    plugin_result::PluginResult,
    settings::{SettingsError, check_object},
};
use std::{mem, sync::Arc, time::Duration};
use wasmtime::{
    Store,
    component::{self, ComponentNamedList, InstancePre, Lift, Lower, Resource},
};

/// The maximum of resource handles of an instance: a call gets one secret.
const MAX_HANDLES: usize = 64;

/// A plugin that fits the contract, ready to run, with its settings.
pub struct Plugin {
    runtime: Runtime,
    loaded: Arc<EngineShards<Loaded>>,
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
}

impl Plugin {
    pub(super) fn new(runtime: Runtime, loaded: Vec<Loaded>, facts: PluginFacts) -> Self {
        Self {
            runtime,
            loaded: Arc::new(EngineShards::new(loaded)),
            settings: facts.description.default_settings.as_str().into(),
            facts: Arc::new(facts),
            health: Health::default(),
            messages: KeptMessages::default(),
        }
    }

    /// The same plugin with other settings, which it has checked. Its health begins anew. The machine code is shared.
    pub fn with_settings(&self, settings: &str) -> Result<Self, SettingsError> {
        check_object(settings)?;
        let checked = self
            .describing_instance()
            .and_then(|mut instance| instance.check_settings(settings))
            .map_err(SettingsError::CheckFailed)?;
        checked.map_err(SettingsError::Refused)?;
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
        self.instance_with(Some(Arc::clone(&self.settings)))
    }

    /// An instance for the functions without a device.
    fn describing_instance(&self) -> Result<Instance, PluginError> {
        self.instance_with(None)
    }

    fn instance_with(&self, settings: Option<Arc<str>>) -> Result<Instance, PluginError> {
        let limits = &self.runtime.limits;
        let no_shard = || PluginError::HostFailed("it is loaded on no engine".into());
        let (loaded, shard) = self.loaded.take().ok_or_else(no_shard)?;
        let mut instance = loaded
            .instantiate(limits, settings)
            .map_err(|error| PluginError::from_trap(&error, limits))?;
        instance._shard = Some(shard);
        Ok(instance)
    }
}

/// A plugin on one engine.
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
        Ok(Instance {
            store,
            instance,
            exports: Exports::new(&self.indices),
            limits: *limits,
            backtrace: None,
            _shard: None,
        })
    }
}

/// An instance of a plugin. After an error it can't be used again.
pub struct Instance {
    store: Store<HostState>,
    instance: component::Instance,
    exports: Exports,
    limits: Limits,
    /// The backtrace of the failed call.
    backtrace: Option<String>,
    /// Frees the shard when the instance is dropped.
    _shard: Option<ShardGuard>,
}

impl Instance {
    /// Compares the types of all functions with the contract's.
    pub(super) fn check_types(&mut self, indices: &PasswordPluginIndices) -> wasmtime::Result<()> {
        indices.load(&mut self.store, &self.instance).map(|_| ())
    }

    /// Runs a call, and returns the context after it.
    fn run<T>(
        &mut self,
        context: CallContext,
        call: impl FnOnce(
            &mut Exports,
            &component::Instance,
            &mut Store<HostState>,
        ) -> wasmtime::Result<T>,
    ) -> Result<(T, CallContext), PluginError> {
        self.store.data_mut().context = Some(context);
        self.store.set_epoch_deadline(self.limits.ticks());
        let returned = call(&mut self.exports, &self.instance, &mut self.store);
        let context = self.store.data_mut().context.take();
        match (returned, context) {
            (Ok(returned), Some(context)) => Ok((returned, context)),
            (Ok(_), None) => Err(PluginError::Crashed("its call context is gone".into())),
            (Err(error), _) => {
                self.backtrace = backtrace(&error);
                Err(PluginError::from_trap(&error, &self.limits))
            }
        }
    }

    /// Lets the plugin decide on a request.
    fn decide<T: PluginResult>(
        &mut self,
        function: Function,
        context: CallContext,
        call: impl FnOnce(
            &mut Exports,
            &component::Instance,
            &mut Store<HostState>,
        ) -> wasmtime::Result<Result<T, Refusal>>,
    ) -> Result<CallOutcome<T>, PluginError> {
        match self.run(context, call)? {
            (Ok(returned), context) => {
                check_accepted(&context, function, &returned)?;
                let effects = in_order(context.effects);
                Ok(CallOutcome::Accepted { returned, effects })
            }
            (Err(refusal), _) => {
                check_returned(&refusal)?;
                Ok(CallOutcome::Refused(refusal))
            }
        }
    }

    /// Runs a query.
    fn ask<T: PluginResult>(
        &mut self,
        function: Function,
        context: CallContext,
        call: impl FnOnce(
            &mut Exports,
            &component::Instance,
            &mut Store<HostState>,
        ) -> wasmtime::Result<T>,
    ) -> Result<T, PluginError> {
        let (returned, context) = self.run(context, call)?;
        check_answered(&context, function.as_str(), &returned)?;
        Ok(returned)
    }

    /// Runs a function without a device.
    fn tell<T>(
        &mut self,
        call: impl FnOnce(
            &mut Exports,
            &component::Instance,
            &mut Store<HostState>,
        ) -> wasmtime::Result<T>,
    ) -> Result<T, PluginError> {
        self.store.set_epoch_deadline(self.limits.ticks());
        let returned = call(&mut self.exports, &self.instance, &mut self.store);
        returned.map_err(|error| PluginError::from_trap(&error, &self.limits))
    }

    /// Calls `describe`.
    pub(super) fn describe(&mut self) -> Result<PluginDescription, PluginError> {
        self.tell(|exports, instance, store| exports.describe.call(instance, store, ()))
    }

    /// Calls `check-settings`.
    fn check_settings(
        &mut self,
        settings: &str,
    ) -> Result<Result<(), Vec<SettingsFault>>, PluginError> {
        let checked = self.tell(|exports, instance, store| {
            let parameters = (settings.to_owned(),);
            exports.check_settings.call(instance, store, parameters)
        })?;
        if let Err(faults) = &checked {
            check_returned(faults)?;
        }
        Ok(checked)
    }

    /// Takes the messages that the plugin has written since the last time.
    pub fn take_messages(&mut self) -> Messages {
        mem::take(&mut self.store.data_mut().messages)
    }

    /// Decides on a reset to the context's password.
    pub fn reset(
        &mut self,
        context: CallContext,
        request: &Request,
    ) -> Result<CallOutcome<CommandId>, PluginError> {
        self.decide(Function::Reset, context, |exports, instance, store| {
            let parameters = (secret(), request.clone());
            exports.reset.call(instance, store, parameters)
        })
    }

    /// Decides on a remove.
    pub fn remove(
        &mut self,
        context: CallContext,
        request: &Request,
    ) -> Result<CallOutcome<CommandId>, PluginError> {
        self.decide(Function::Remove, context, |exports, instance, store| {
            exports.remove.call(instance, store, (request.clone(),))
        })
    }

    /// Previews a reset or a remove.
    pub fn preview(
        &mut self,
        context: CallContext,
        action: Action,
        request: &Request,
    ) -> Result<DevicePreview, PluginError> {
        let secret = context.password.is_some().then(secret);
        self.ask(Function::Preview, context, |exports, instance, store| {
            let parameters = (action, secret, request.clone());
            exports.preview.call(instance, store, parameters)
        })
    }

    /// Calls `status`, for the page of a device.
    pub fn status(&mut self, context: CallContext) -> Result<DeviceStatus, PluginError> {
        self.ask(Function::Status, context, |exports, instance, store| {
            exports.status.call(instance, store, ())
        })
    }

    /// Calls `policy-override`: the state of the applied policy.
    pub fn policy_override(&mut self, context: CallContext) -> Result<PolicyState, PluginError> {
        let function = Function::PolicyOverride;
        self.ask(function, context, |exports, instance, store| {
            exports.policy_override.call(instance, store, ())
        })
    }

    /// Passes an agent's report on the context's command.
    pub fn report(
        &mut self,
        context: CallContext,
        outcome: &DeviceOutcome,
    ) -> Result<CallOutcome<ReportEffect>, PluginError> {
        let command = subject(&context)?;
        self.decide(Function::Report, context, |exports, instance, store| {
            let parameters = (command, outcome.clone());
            exports.report.call(instance, store, parameters)
        })
    }

    /// Cancels the context's command, for an admin.
    pub fn cancel(&mut self, context: CallContext) -> Result<CallOutcome<()>, PluginError> {
        let command = subject(&context)?;
        self.decide(Function::Cancel, context, |exports, instance, store| {
            exports.cancel.call(instance, store, (command,))
        })
    }

    /// Ends the context's command after its expiry.
    pub fn expire(&mut self, context: CallContext) -> Result<CallOutcome<()>, PluginError> {
        let command = subject(&context)?;
        self.decide(Function::Expire, context, |exports, instance, store| {
            exports.expire.call(instance, store, (command,))
        })
    }

    /// Calls a function of an interface that a later 1.x added to the contract, such as
    /// `mdm:password/help@1.1.0`. Returns `None` if this plugin doesn't export it.
    pub fn optional<P, R>(
        &mut self,
        context: CallContext,
        interface: &str,
        function: &str,
        parameters: P,
    ) -> Result<Option<R>, PluginError>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift + 'static,
    {
        let Self {
            instance, store, ..
        } = self;
        let export = instance
            .get_export_index(&mut *store, None, interface)
            .and_then(|it| instance.get_export_index(&mut *store, Some(&it), function));
        let Some(export) = export else {
            return Ok(None);
        };
        let typed = instance
            .get_typed_func::<P, R>(&mut *store, &export)
            .map_err(|_| PluginError::OtherTypes(function.to_owned()))?;
        let (returned, context) = self.run(context, |_, _, store| typed.call(store, parameters))?;
        // Of the types of a later contract this host knows no more than that.
        check_answered(&context, function, &())?;
        Ok(Some(returned))
    }

    /// The backtrace of the failed call, for the host's log. Function names come from the plugin's file.
    pub fn take_backtrace(&mut self) -> Option<String> {
        self.backtrace.take()
    }

    /// The linear memory that the instance holds, in bytes.
    pub fn memory(&self) -> usize {
        self.limits.memory - self.store.data().limiter.memory_left()
    }
}

/// The command that the call is about.
fn subject(context: &CallContext) -> Result<Command, PluginError> {
    context.subject.clone().ok_or(PluginError::NoSubject)
}

/// The handle to the password of the call, of which there is one at most.
fn secret() -> Resource<Secret> {
    Resource::new_borrow(0)
}
