//! What a call changed, as the calls of imports that it was made of: the form in which the conformance
//! kit expects it, and in which two plugins are compared.

use super::contract::*;
use crate::change::Change;
use mdm_wire::time;
use serde::Serialize;

/// One change, named after the import that makes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// `transport.send`.
    Send {
        /// Reset or remove.
        action: Action,
        /// What else a reset does.
        options: ResetOptions,
        /// When its time is over.
        #[serde(with = "time::option")]
        expires_at: Option<Timestamp>,
    },
    /// `device-store.settle`.
    Settle {
        /// Which command.
        command: CommandId,
        /// What became of it.
        outcome: Outcome,
    },
    /// `device-store.keep-late-outcome`.
    KeepLateOutcome {
        /// Which command.
        command: CommandId,
        /// What the device said.
        outcome: Outcome,
    },
    /// `device-store.set-policy-override`.
    SetPolicyOverride {
        /// The reset that begins the override; none ends it.
        command: Option<CommandId>,
    },
}

impl Effect {
    /// What a plugin did by this change. None: it is none that a plugin can make.
    pub fn of(change: &Change) -> Option<Self> {
        Some(match change {
            Change::Send { command, .. } => Self::Send {
                action: command.action,
                options: command.options,
                expires_at: command.expires_at,
            },
            Change::Settle { command, outcome } => Self::Settle {
                command: command.clone(),
                outcome: outcome.clone(),
            },
            Change::KeepLateOutcome { command, outcome } => Self::KeepLateOutcome {
                command: command.clone(),
                outcome: outcome.clone(),
            },
            Change::SetPolicyOverride(to) => Self::SetPolicyOverride {
                command: to.as_ref().map(|by| by.command.clone()),
            },
            Change::SetPolicy(_) | Change::RotateKeys { .. } | Change::Revoke | Change::Tell(_) => {
                return None;
            }
        })
    }
}
