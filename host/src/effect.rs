//! Effects: the changes to one device that a call asks for. They are buffered while the call runs, and committed
//! together if it returns ok.

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
        /// The reported outcome.
        outcome: DeviceOutcome,
    },
    /// The policy override begins or ends.
    SetPolicyOverride(Option<PolicyOverride>),
}

impl Effect {
    /// Applies the effect to a device and its commands, for stores that keep both in one document. `at` is the time of
    /// the decision. An effect on an unknown command changes nothing: the host lets none through.
    pub fn apply(self, device: &mut Device, commands: &mut Vec<Command>, at: Timestamp) {
        match self {
            Self::Send(command) => commands.push(command),
            Self::Complete { command, outcome } => {
                if let Some(command) = find(commands, &command) {
                    command.status = outcome.into();
                    command.completed_at = Some(at);
                }
            }
            Self::KeepLateOutcome { command, outcome } => {
                if let Some(command) = find(commands, &command) {
                    command.late_outcome = Some(outcome);
                }
            }
            Self::SetPolicyOverride(to) => device.policy_override = to,
        }
    }
}

fn find<'a>(commands: &'a mut [Command], id: &str) -> Option<&'a mut Command> {
    commands.iter_mut().find(|command| command.id == id)
}
