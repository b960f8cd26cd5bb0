//! Changes to one device. Those that a plugin's call makes are buffered while it runs, and committed
//! together once it has returned ok.

use mdm_wire::{
    decisions::{Command, PolicyOverride},
    sealing::Sealed,
    sync::Told,
    words::{CommandId, Outcome, Policy},
};

/// One change to one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new command, pending, goes into the outbox.
    Send {
        /// The command.
        command: Command,
        /// For a reset: the password, once the service has sealed it to the device's key.
        sealed: Option<Sealed>,
    },
    /// A pending command gets its outcome, and leaves the outbox.
    Settle {
        /// Which command.
        command: CommandId,
        /// What became of it.
        outcome: Outcome,
    },
    /// What the device said of a command that had been settled otherwise.
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
    /// The host's own: an admin does not trust the device any more. Its agent gets in no more, and the sealed
    /// passwords that wait for it are destroyed.
    Revoke,
    /// The host's own: what the agent told at a sync.
    Tell(Told),
}
