//! The functions of the contract, by name.

use mdm_contract::Action;
use std::fmt;

/// A function that a plugin exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Function {
    /// `reset`.
    Reset,
    /// `remove`.
    Remove,
    /// `preview`.
    Preview,
    /// `status`.
    Status,
    /// `policy-override`.
    PolicyOverride,
    /// `report`.
    Report,
    /// `cancel`.
    Cancel,
    /// `expire`.
    Expire,
}

impl Function {
    /// Each of them.
    pub const ALL: [Self; 8] = [
        Self::Reset,
        Self::Remove,
        Self::Preview,
        Self::Status,
        Self::PolicyOverride,
        Self::Report,
        Self::Cancel,
        Self::Expire,
    ];

    /// Its name in the contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Remove => "remove",
            Self::Preview => "preview",
            Self::Status => "status",
            Self::PolicyOverride => "policy-override",
            Self::Report => "report",
            Self::Cancel => "cancel",
            Self::Expire => "expire",
        }
    }

    /// The action of the command that it sends. `None` if it sends nothing.
    pub fn sends(self) -> Option<Action> {
        match self {
            Self::Reset => Some(Action::Reset),
            Self::Remove => Some(Action::Remove),
            _ => None,
        }
    }

    /// Returns `true` if it decides a request. Most other calls come from polling agents and pages.
    pub fn decides(self) -> bool {
        !matches!(self, Self::Preview | Self::Status | Self::PolicyOverride)
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
