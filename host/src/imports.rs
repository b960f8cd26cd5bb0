//! The contract's imports, as reads and writes of the call context.

use super::{
    bindings::mdm::password::{clock, device_store, secrets, transport},
    context::{CallContext, Secret},
    contract::*,
    engine::Limiter,
    invariant::Violation,
    limits::Limits,
};
use wasmtime::{Result, component::Resource};

/// The host's state of an instance: the context of the running call, if there is one.
pub(super) struct HostState {
    pub(super) context: Option<CallContext>,
    pub(super) limiter: Limiter,
}

impl HostState {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            context: None,
            limiter: Limiter::new(limits),
        }
    }

    pub(super) fn context(&mut self) -> Result<&mut CallContext> {
        self.context
            .as_mut()
            .ok_or_else(|| Violation::NoCall.into())
    }

    fn password(&mut self) -> Result<&crate::password::Password> {
        let password = self.context()?.password.as_ref();
        password.ok_or_else(|| Violation::NoSecret.into())
    }
}

impl secrets::Host for HostState {}

impl secrets::HostSecret for HostState {
    fn metrics(&mut self, _secret: Resource<Secret>) -> Result<PasswordMetrics> {
        Ok(self.password()?.metrics())
    }

    fn guessability(&mut self, _secret: Resource<Secret>) -> Result<u8> {
        Ok(self.password()?.guessability())
    }

    fn drop(&mut self, _secret: Resource<Secret>) -> Result<()> {
        Ok(())
    }
}

impl device_store::Host for HostState {
    fn get_device(&mut self) -> Result<Device> {
        Ok(self.context()?.device.clone())
    }

    fn get_pending(&mut self) -> Result<Option<Command>> {
        Ok(self.context()?.pending())
    }

    fn get_latest(&mut self) -> Result<Option<Command>> {
        Ok(self.context()?.latest())
    }

    fn get_password_rule(&mut self) -> Result<PasswordRule> {
        Ok(self.context()?.password_rule.clone())
    }

    fn complete(&mut self, command: CommandId, outcome: Outcome) -> Result<()> {
        self.context()?.complete(command, outcome)
    }

    fn keep_late_outcome(&mut self, command: CommandId, outcome: Outcome) -> Result<()> {
        self.context()?.keep_late_outcome(command, outcome)
    }

    fn set_policy_override(&mut self, command: Option<CommandId>) -> Result<()> {
        self.context()?.set_policy_override(command)
    }
}

impl transport::Host for HostState {
    fn get_capabilities(&mut self) -> Result<Capabilities> {
        Ok(self.context()?.capabilities)
    }

    fn is_online(&mut self) -> Result<bool> {
        Ok(self.context()?.online)
    }

    fn send(&mut self, command: NewCommand, secret: Option<Resource<Secret>>) -> Result<CommandId> {
        self.context()?.send(command, secret.is_some())
    }
}

impl clock::Host for HostState {
    fn now(&mut self) -> Result<Timestamp> {
        Ok(self.context()?.now)
    }
}
