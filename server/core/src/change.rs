//! Changes to one device. Those that a plugin's call makes are buffered while it runs, and committed
//! together once it has returned ok.

use mdm_agent_protocol::{
    sealing::{PublicKey, Sealed},
    signing_key::VerifyingKey,
    sync::DeviceInfo,
};
use mdm_contract::{
    decisions::{Command, PolicyOverride},
    types::{CommandId, Outcome, Policy},
};
use mdm_password_host::Effect;

/// One change to one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new command, pending, goes into the outbox.
    Send {
        /// The command.
        command: Command,
        /// What the device is to open, once the service has sealed it to the device's key.
        sealed: Option<Sealed>,
    },
    /// A pending command gets its outcome, and leaves the outbox.
    Complete {
        /// Which command.
        command: CommandId,
        /// What became of it.
        outcome: Outcome,
    },
    /// What the device said of a command that had been completed otherwise.
    KeepLateOutcome {
        /// Which command.
        command: CommandId,
        /// What the device said.
        outcome: Outcome,
    },
    /// The override of the policy begins or ends.
    SetPolicyOverride(Option<PolicyOverride>),
    /// The host's own: an admin applied a policy, or cleared it.
    SetPolicy(Option<Policy>),
    /// The host's own: the agent uses other keys from now on.
    RotateKeys {
        /// Passwords are sealed to this key.
        public_key: PublicKey,
        /// The agent signs with the other half of this key.
        signing_key: VerifyingKey,
    },
    /// The host's own: an admin does not trust the device any more. Its agent gets in no more, and the sealed
    /// passwords that wait for it are destroyed.
    Revoke,
    /// The host's own: what the agent told at a sync.
    SetDeviceInfo(DeviceInfo),
}

impl Change {
    /// The change that an effect is. For a new command, `seal` makes what the device opens.
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
