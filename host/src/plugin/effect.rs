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
            Change::SetPolicy(_) | Change::Revoke | Change::Tell(_) => return None,
        })
    }
}

/// A result in JSON: `{"ok": …}` or `{"err": …}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Returned<T> {
    /// The call was accepted.
    Ok(T),
    /// It was refused, and changed nothing.
    Err(Refusal),
}

impl<T> From<Result<T, Refusal>> for Returned<T> {
    fn from(result: Result<T, Refusal>) -> Self {
        match result {
            Ok(value) => Self::Ok(value),
            Err(refusal) => Self::Err(refusal),
        }
    }
}

/// What a call came to, in the form in which two of them can be compared: each host makes ids of its
/// own for new commands, so they are all written as `sent_as`.
pub fn comparable<T: Serialize>(
    returned: &T,
    changes: &[Change],
    sent_as: &str,
) -> serde_json::Result<(serde_json::Value, serde_json::Value)> {
    let effects: Vec<Effect> = changes.iter().filter_map(Effect::of).collect();
    let mut text = serde_json::to_string(&(returned, effects))?;
    for change in changes {
        if let Change::Send { command, .. } = change {
            text = text.replace(&command.id, sent_as);
        }
    }
    serde_json::from_str(&text)
}
