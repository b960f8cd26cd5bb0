//! Changes to one device. The changes of a plugin call are buffered while it runs, and committed together if it
//! succeeds.

use mdm_agent_protocol::{
    sealing::{PublicKey, Sealed},
    signing_key::VerifyingKey,
    sync::DeviceInfo,
};
use mdm_contract::{Command, CommandId, DeviceOutcome, Outcome, Policy, PolicyOverride};
use mdm_password_host::Effect;

/// One change to one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Puts a new pending command into the outbox.
    Send {
        /// The command.
        command: Command,
        /// The payload, sealed to the device's key.
        sealed: Option<Sealed>,
    },
    /// Gives a pending command its outcome, and removes it from the outbox.
    Complete {
        /// The command.
        command: CommandId,
        /// Its outcome.
        outcome: Outcome,
    },
    /// Keeps the outcome that the device reported for a command that was completed with another one.
    KeepLateOutcome {
        /// The command.
        command: CommandId,
        /// The reported outcome.
        outcome: DeviceOutcome,
    },
    /// Sets the override of the policy, or ends it if `None`.
    SetPolicyOverride(Option<PolicyOverride>),
    /// Server only: an admin applied or cleared a policy.
    SetPolicy(Option<Policy>),
    /// Server only: the agent changed its keys.
    RotateKeys {
        /// Key to which passwords are sealed.
        public_key: PublicKey,
        /// Key that verifies the agent's signatures.
        signing_key: VerifyingKey,
    },
    /// Server only: an admin revoked the device. Its agent can no longer sync, and sealed passwords in its outbox are
    /// destroyed.
    Revoke,
    /// Server only: device info from a sync.
    SetDeviceInfo(DeviceInfo),
}

impl Change {
    /// Converts an effect of a plugin call. `seal` returns the sealed payload of a new command. Errors if `seal` does.
    pub fn of<E>(
        effect: Effect,
        seal: impl FnOnce(&Command) -> Result<Sealed, E>,
    ) -> Result<Self, E> {
        Ok(match effect {
            Effect::Send(command) => Self::Send {
                sealed: Some(seal(&command)?),
                command,
            },
            Effect::Complete { command, outcome } => Self::Complete { command, outcome },
            Effect::KeepLateOutcome { command, outcome } => {
                Self::KeepLateOutcome { command, outcome }
            }
            Effect::SetPolicyOverride(to) => Self::SetPolicyOverride(to),
        })
    }
}
