//! An instance of a plugin, and its calls. Each takes a call context, except `describe` and `check-settings`. `reset`,
//! `remove`, `report`, `cancel` and `expire` return the decision, with its effects if the plugin accepted; a query
//! returns its result. A call that traps or violates an invariant returns an error and no effects.

use super::{
    CallContext, Function,
    bindings::PasswordPluginIndices,
    context::Secret,
    contract::*,
    error::{PluginError, backtrace},
    exports::{ExportIndices, Exports},
    imports::HostState,
    invariant::{check_accepted, check_answered, check_returned, in_order},
    limits::Limits,
    messages::Messages,
    outcome::CallOutcome,
    plugin_result::PluginResult,
};
use std::mem;
use wasmtime::{
    Store,
    component::{self, ComponentNamedList, Lift, Lower, Resource},
};

/// An instance of a plugin. After an error it can't be used again.
pub struct Instance {
    store: Store<HostState>,
    instance: component::Instance,
    exports: Exports,
    limits: Limits,
    /// The backtrace of the failed call.
    backtrace: Option<String>,
}

impl Instance {
    pub(super) fn new(
        store: Store<HostState>,
        instance: component::Instance,
        indices: &ExportIndices,
        limits: &Limits,
    ) -> Self {
        Self {
            store,
            instance,
            exports: Exports::new(indices),
            limits: *limits,
            backtrace: None,
        }
    }

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
        let returned = self.enter(call);
        let context = self.store.data_mut().context.take();
        let missing =
            || PluginError::HostFailed("the call context is missing after the call".into());
        Ok((returned?, context.ok_or_else(missing)?))
    }

    /// Enters the plugin, with or without a call context.
    fn enter<T>(
        &mut self,
        call: impl FnOnce(
            &mut Exports,
            &component::Instance,
            &mut Store<HostState>,
        ) -> wasmtime::Result<T>,
    ) -> Result<T, PluginError> {
        self.store.set_epoch_deadline(self.limits.ticks());
        let returned = call(&mut self.exports, &self.instance, &mut self.store);
        returned.map_err(|error| {
            self.backtrace = backtrace(&error);
            PluginError::from_trap(&error, &self.limits)
        })
    }

    /// Runs a call that ends in a decision. Returns its effects if the plugin accepted.
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

    /// Runs a query. Errors if the plugin makes effects.
    fn query<T: PluginResult>(
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

    /// Calls `describe`.
    pub(super) fn describe(&mut self) -> Result<PluginDescription, PluginError> {
        self.enter(|exports, instance, store| exports.describe.call(instance, store, ()))
    }

    /// Calls `check-settings`.
    pub(super) fn check_settings(
        &mut self,
        settings: &str,
    ) -> Result<Result<(), Vec<SettingsFault>>, PluginError> {
        let checked = self.enter(|exports, instance, store| {
            let parameters = (settings.to_owned(),);
            exports.check_settings.call(instance, store, parameters)
        })?;
        if let Err(faults) = &checked {
            check_returned(faults)?;
        }
        Ok(checked)
    }

    /// Takes the messages that the plugin has written since the previous call of this function.
    pub fn take_messages(&mut self) -> Messages {
        mem::take(&mut self.store.data_mut().messages)
    }

    /// Decides on a reset. The new password is in the call context.
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
        self.query(Function::Preview, context, |exports, instance, store| {
            let parameters = (action, secret, request.clone());
            exports.preview.call(instance, store, parameters)
        })
    }

    /// Calls `status`, for the page of a device.
    pub fn status(&mut self, context: CallContext) -> Result<DeviceStatus, PluginError> {
        self.query(Function::Status, context, |exports, instance, store| {
            exports.status.call(instance, store, ())
        })
    }

    /// Calls `policy-override`: the state of the applied policy.
    pub fn policy_override(&mut self, context: CallContext) -> Result<PolicyState, PluginError> {
        let function = Function::PolicyOverride;
        self.query(function, context, |exports, instance, store| {
            exports.policy_override.call(instance, store, ())
        })
    }

    /// Decides on an agent's report about the context's command.
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

    /// Decides on an admin's request to cancel the context's command.
    pub fn cancel(&mut self, context: CallContext) -> Result<CallOutcome<()>, PluginError> {
        let command = subject(&context)?;
        self.decide(Function::Cancel, context, |exports, instance, store| {
            exports.cancel.call(instance, store, (command,))
        })
    }

    /// Decides on the end of the context's command after its expiry.
    pub fn expire(&mut self, context: CallContext) -> Result<CallOutcome<()>, PluginError> {
        let command = subject(&context)?;
        self.decide(Function::Expire, context, |exports, instance, store| {
            exports.expire.call(instance, store, (command,))
        })
    }

    /// Calls a function of an interface that a later version 1.x of the contract added, such as
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
        // The types of a later contract are unknown here: only the effects are checked.
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

/// The handle to the password of the call. A call has one password at most.
fn secret() -> Resource<Secret> {
    Resource::new_borrow(0)
}
