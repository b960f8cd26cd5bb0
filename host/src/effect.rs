//! Effects: the changes to one device that a call asks for. They are buffered while the call runs, and committed together
//! if it returns ok.

use crate::contract::*;

/// One change to one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A new pending command goes into the outbox.
    Send(Command),
    /// A pending command gets its outcome, and leaves the outbox.
    Complete {
        /// The command's id.
        command: CommandId,
        /// Success, or the reason of the failure.
        outcome: Outcome,
    },
    /// The report of a device about a command that had another outcome already.
    KeepLateOutcome {
        /// The command's id.
        command: CommandId,
        /// What the device reported.
        outcome: Outcome,
    },
    /// The policy override begins or ends.
    SetPolicyOverride(Option<PolicyOverride>),
}
