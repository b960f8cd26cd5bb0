//! The contract's imports, as reads and writes of the call context.

use super::{
    bindings::mdm::password::{device_store, logging, secrets, settings, transport},
    context::{CallContext, Secret},
    contract::*,
    engine::Limiter,
    invariant::Violation,
    limits::Limits,
    messages::{MessageLevel, Messages},
};
use mdm_contract::time;
use std::sync::Arc;
use wasmtime::{Result, component::Resource};

/// The host's state of an instance.
pub(super) struct HostState {
    /// The context of the running call. `None` while a function without a device runs.
    pub(super) context: Option<CallContext>,
    /// The settings of the plugin. `None` while it describes itself or checks settings.
    pub(super) settings: Option<Arc<str>>,
    pub(super) messages: Messages,
    pub(super) limiter: Limiter,
}

impl HostState {
    pub(super) fn new(limits: &Limits, settings: Option<Arc<str>>) -> Self {
        Self {
            context: None,
            settings,
            messages: Messages::default(),
            limiter: Limiter::new(limits),
        }
    }

    fn context(&mut self) -> Result<&mut CallContext> {
        self.context
            .as_mut()
            .ok_or_else(|| Violation::NoCall.into())
    }

    /// The time of the call, or of a function without a device.
    pub(super) fn now(&self) -> Timestamp {
        match &self.context {
            Some(context) => context.situation.now,
            None => time::now(),
        }
    }
}

impl secrets::Host for HostState {}

impl secrets::HostSecret for HostState {
    fn guessability(&mut self, _secret: Resource<Secret>) -> Result<u8> {
        let password = self.context()?.password.as_ref();
        Ok(password.ok_or(Violation::NoSecret)?.guessability())
    }

    fn drop(&mut self, _secret: Resource<Secret>) -> Result<()> {
        Ok(())
    }
}

impl device_store::Host for HostState {
    fn get_situation(&mut self) -> Result<Situation> {
        Ok(self.context()?.situation.clone())
    }

    fn complete(&mut self, command: CommandId, outcome: Outcome) -> Result<()> {
        self.context()?.complete(command, outcome)
    }

    fn keep_late_outcome(&mut self, command: CommandId, outcome: DeviceOutcome) -> Result<()> {
        self.context()?.keep_late_outcome(command, outcome)
    }

    fn set_policy_override(&mut self, command: Option<CommandId>) -> Result<()> {
        self.context()?.set_policy_override(command)
    }
}

impl transport::Host for HostState {
    fn send(&mut self, command: NewCommand, secret: Option<Resource<Secret>>) -> Result<CommandId> {
        self.context()?.send(command, secret.is_some())
    }
}

impl settings::Host for HostState {
    fn get(&mut self) -> Result<String> {
        let settings = self.settings.as_ref().ok_or(Violation::NoCall)?;
        Ok(settings.to_string())
    }
}

impl logging::Host for HostState {
    fn log(&mut self, level: logging::Level, message: String) -> Result<()> {
        let level = match level {
            logging::Level::Trace => MessageLevel::Trace,
            logging::Level::Debug => MessageLevel::Debug,
            logging::Level::Info => MessageLevel::Info,
            logging::Level::Warn => MessageLevel::Warn,
            logging::Level::Error => MessageLevel::Error,
            logging::Level::Critical => MessageLevel::Critical,
        };
        self.messages.add(level, message);
        Ok(())
    }
}
