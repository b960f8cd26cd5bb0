//! Effects as calls of the contract's imports, for comparisons: by the conformance kit, and of a shadow.

use super::{Effect, contract::*};
use mdm_contract::time;
use serde::Serialize;

/// One effect, named after the import that makes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImportCall {
    /// `transport.send`.
    Send {
        /// Reset or remove.
        action: Action,
        /// The options of a reset.
        options: ResetOptions,
        /// When its time is over.
        #[serde(with = "time::option")]
        expires_at: Option<Timestamp>,
    },
    /// `device-store.complete`.
    Complete {
        /// Which command.
        command: CommandId,
        /// The outcome.
        outcome: Outcome,
    },
    /// `device-store.keep-late-outcome`.
    KeepLateOutcome {
        /// Which command.
        command: CommandId,
        /// The reported outcome.
        outcome: DeviceOutcome,
    },
    /// `device-store.set-policy-override`.
    SetPolicyOverride {
        /// The reset that begins the override. `None` ends it.
        command: Option<CommandId>,
    },
}

impl ImportCall {
    /// The call by which a plugin makes this effect.
    pub fn of(effect: &Effect) -> Self {
        match effect {
            Effect::Send(command) => Self::Send {
                action: command.action,
                options: command.options,
                expires_at: command.expires_at,
            },
            Effect::Complete { command, outcome } => Self::Complete {
                command: command.clone(),
                outcome: outcome.clone(),
            },
            Effect::KeepLateOutcome { command, outcome } => Self::KeepLateOutcome {
                command: command.clone(),
                outcome: outcome.clone(),
            },
            Effect::SetPolicyOverride(to) => Self::SetPolicyOverride {
                command: to.as_ref().map(|by| by.command.clone()),
            },
        }
    }
}
