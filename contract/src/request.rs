//! Requests of admins.

use crate::{flags::contract_flags, text_enum::contract_enum};
use serde::{Deserialize, Serialize};
#[cfg(feature = "component")]
use wasmtime::component::{ComponentType, Lift, Lower};

/// The id of a command: a UUID v7 in its hyphenated, lower-case form.
pub type CommandId = String;

contract_enum! {
    /// The action of a command.
    Action {
        /// Set the password.
        Reset = "reset",
        /// Clear the password, and enforce an applied policy again.
        Remove = "remove",
    }
}

contract_flags! {
    /// The options of a reset. JSON: `["lock-now"]`.
    ResetOptions {
        /// Lock the device at once.
        LOCK_NOW = "lock-now",
        /// No other admin may change the password until the user has entered it.
        REQUIRE_ENTRY = "require-entry",
        /// Don't ask for the password when the device boots.
        NO_CREDENTIALS_ON_BOOT = "no-credentials-on-boot",
    }
}

/// The person or program behind a request, in the host's own words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(record)
)]
pub struct Requester {
    /// Such as `admin` or `helpdesk`.
    pub role: String,
    /// Such as a user's name.
    pub id: String,
}

/// A request for a reset or a remove.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(record)
)]
pub struct Request {
    /// The options of a reset. Empty for a remove.
    pub options: ResetOptions,
    /// The pending command that this one replaces.
    pub replaces: Option<CommandId>,
    /// In seconds: after that, a command that was not carried out has expired.
    #[cfg_attr(feature = "component", component(name = "valid-for"))]
    pub valid_for: Option<u64>,
    /// The reason that the requester gave.
    pub reason: Option<String>,
    /// `None` if the host does not know it.
    pub requester: Option<Requester>,
}
