//! The situation of a call.

use mdm_contract::{
    Capabilities, Command, Deployment, Device, PasswordRule, Status,
    time::{self, Timestamp},
};
use mdm_password_host::{CallContext, password::Password};
use serde::Deserialize;
use zeroize::Zeroizing;

/// The situation of a call.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Situation {
    /// The device.
    pub device: Device,
    /// Its pending command.
    pub pending: Option<Command>,
    /// Its latest command.
    pub latest: Option<Command>,
    /// The command that the call is about.
    pub command: Option<Command>,
    /// The deployment.
    pub deployment: Deployment,
    /// The capabilities of the way to the device.
    pub capabilities: Capabilities,
    /// The device is online.
    pub online: bool,
    /// The time of the call.
    #[serde(with = "time")]
    pub now: Timestamp,
    /// The password of the call.
    pub password: Option<Password>,
}

impl Situation {
    /// Sets the password rule and a password under it.
    pub(super) fn with_password(&mut self, password: &Password, rule: &PasswordRule) {
        self.password = Some(password.clone());
        self.deployment.password_rule = rule.clone();
    }

    /// Sets the password of the next call.
    pub fn set_password(&mut self, text: &str) {
        self.password = Some(password(text));
    }

    /// The context of a call in this situation, with or without its password.
    pub fn context(&self, takes_secret: bool) -> CallContext {
        let situation = mdm_contract::Situation {
            device: self.device.clone(),
            pending: self.pending.clone(),
            latest: self.latest.clone(),
            deployment: self.deployment.clone(),
            capabilities: self.capabilities,
            online: self.online,
            now: self.now,
            password: None,
        };
        let password = self.password.clone().filter(|_| takes_secret);
        CallContext::new(situation, self.command.clone(), password)
    }

    /// The pending command of a sequence.
    pub(super) fn is_pending(command: &&Command) -> bool {
        command.status == Status::Pending
    }
}

/// A password of the kit, which is not secret.
pub(super) fn password(text: &str) -> Password {
    Password::new(Zeroizing::new(text.to_owned()))
}
