//! The types of the contract that host and agent share, in Rust and JSON and, with the feature `component`, as
//! component-model types. `wit/types.wit` has their meaning and sources. Loading refuses a plugin with other types.

use crate::text_enum::contract_enum;
use serde::{Deserialize, Serialize};
#[cfg(feature = "component")]
use wasmtime::component::{ComponentType, Lift, Lower};

/// The id of a command: a UUID v7 in its hyphenated, lower-case form.
pub type CommandId = String;

contract_enum! {
    /// The management mode of a device.
    ManagementMode {
        /// The agent owns the whole device.
        DeviceOwner = "device-owner",
        /// The agent owns a profile, usually a work profile.
        ProfileOwner = "profile-owner",
        /// Legacy device administration.
        DeviceAdmin = "device-admin",
    }
}

contract_enum! {
    /// The state of the reset token that Android 8.0 (API 26) and later ask for.
    TokenState {
        /// Not set, or lost by a reboot before the user confirmed it.
        Missing = "missing",
        /// Set while a password was set: active when the user next unlocks the device.
        Unconfirmed = "unconfirmed",
        /// It can be used.
        Active = "active",
        /// No longer accepted by the device, or no longer readable by the agent.
        Invalid = "invalid",
    }
}

contract_enum! {
    /// Android's classes of password quality, weakest first.
    Quality {
        /// Any password, or none.
        Unspecified = "unspecified",
        /// Any password.
        Something = "something",
        /// At least digits.
        Numeric = "numeric",
        /// Digits without a repeating or ordered sequence longer than 3.
        NumericComplex = "numeric-complex",
        /// At least one letter.
        Alphabetic = "alphabetic",
        /// At least one letter and one digit.
        Alphanumeric = "alphanumeric",
        /// At least a letter, a digit and a symbol.
        Complex = "complex",
    }
}

impl Quality {
    /// Returns `true` if a minimum length counts beside it: `DevicePolicyManager.setPasswordMinimumLength` is imposed
    /// from `numeric` upward only.
    pub fn heeds_minimum_length(self) -> bool {
        self >= Self::Numeric
    }
}

contract_enum! {
    /// Android's classes of password complexity (API 31 and later), weakest first.
    Complexity {
        /// No requirement.
        None = "none",
        /// Any PIN, pattern or password.
        Low = "low",
        /// A PIN of 4 or more without sequences; or letters, of 4 or more.
        Medium = "medium",
        /// A PIN of 8 or more without sequences; or letters, of 6 or more.
        High = "high",
    }
}

contract_enum! {
    /// The action of a command.
    Action {
        /// Set the password.
        Reset = "reset",
        /// Clear the password, and enforce an applied policy again.
        Remove = "remove",
    }
}

/// The requirement of a policy on a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(variant)
)]
pub enum Requirement {
    /// A quality; it clears a complexity.
    #[cfg_attr(feature = "component", component(name = "quality"))]
    Quality(Quality),
    /// A complexity; it clears a quality.
    #[cfg_attr(feature = "component", component(name = "complexity"))]
    Complexity(Complexity),
}

/// The password rules that an admin applied to a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(record)
)]
pub struct Policy {
    /// A quality or a complexity.
    pub requirement: Requirement,
    /// In characters; 0 asks nothing.
    #[serde(default)]
    #[cfg_attr(feature = "component", component(name = "minimum-length"))]
    pub minimum_length: u32,
}

impl Policy {
    /// The greatest minimum length that Android accepts (`DevicePolicyManager.getPasswordMaximumLength`).
    pub const MAX_MINIMUM_LENGTH: u32 = 16;

    /// Returns `true` if it requires a password.
    pub fn asks_for_password(&self) -> bool {
        match self.requirement {
            Requirement::Quality(quality) => quality != Quality::Unspecified,
            Requirement::Complexity(complexity) => complexity != Complexity::None,
        }
    }
}

/// The condition of a device, reported at each sync.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(record)
)]
pub struct Condition {
    /// The lock screen (of a work profile: its challenge) has a password.
    #[cfg_attr(feature = "component", component(name = "password-set"))]
    pub password_set: bool,
    /// Meaningful from API 26, for a device owner or profile owner.
    pub token: TokenState,
    /// The user has unlocked the device since it booted.
    #[cfg_attr(feature = "component", component(name = "unlocked-since-boot"))]
    pub unlocked_since_boot: bool,
    /// The agent can use its reset token before the first unlock after a boot.
    #[cfg_attr(feature = "component", component(name = "direct-boot-aware"))]
    pub direct_boot_aware: bool,
    /// The device has a secure lock screen.
    #[cfg_attr(feature = "component", component(name = "secure-lock-screen"))]
    pub secure_lock_screen: bool,
    /// Another admin's password waits for the user's entry.
    #[cfg_attr(feature = "component", component(name = "other-admin-entry-pending"))]
    pub other_admin_entry_pending: bool,
    /// The strictest password rules that other admins of the device enforce.
    #[cfg_attr(feature = "component", component(name = "other-admin-policy"))]
    pub other_admin_policy: Option<Policy>,
}

/// The options of a reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(record)
)]
pub struct ResetOptions {
    /// Lock the device at once.
    #[cfg_attr(feature = "component", component(name = "lock-now"))]
    pub lock_now: bool,
    /// No other admin may change the password until the user has entered it.
    #[cfg_attr(feature = "component", component(name = "require-entry"))]
    pub require_entry: bool,
    /// Don't ask for the password when the device boots.
    #[cfg_attr(feature = "component", component(name = "no-credentials-on-boot"))]
    pub no_credentials_on_boot: bool,
}

/// The failure of a command. JSON: `"expired"`, `{"superseded": "<id>"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(variant)
)]
pub enum Failure {
    /// The user has set a password, and the agent may not replace it.
    #[cfg_attr(feature = "component", component(name = "existing-password"))]
    ExistingPassword,
    /// The agent may not clear a password in this mode.
    #[cfg_attr(feature = "component", component(name = "may-not-clear"))]
    MayNotClear,
    /// Android allows this mode no password change at all.
    #[cfg_attr(feature = "component", component(name = "not-supported"))]
    NotSupported,
    /// The user has not unlocked the device since it booted.
    #[cfg_attr(feature = "component", component(name = "user-locked"))]
    UserLocked,
    /// The reset token waits for the user's confirmation.
    #[cfg_attr(feature = "component", component(name = "token-not-active"))]
    TokenNotActive,
    /// The device does not accept the reset token.
    #[cfg_attr(feature = "component", component(name = "token-invalid"))]
    TokenInvalid,
    /// Weaker than a policy that the agent can't lift.
    #[cfg_attr(feature = "component", component(name = "policy-violation"))]
    PolicyViolation,
    /// Another admin's password waits for the user's entry.
    #[cfg_attr(feature = "component", component(name = "other-admin-entry-pending"))]
    OtherAdminEntryPending,
    /// The device has no secure lock screen.
    #[cfg_attr(feature = "component", component(name = "no-secure-lock-screen"))]
    NoSecureLockScreen,
    /// The agent could not open the sealed password.
    #[cfg_attr(feature = "component", component(name = "password-unreadable"))]
    PasswordUnreadable,
    /// A later command replaced it.
    #[cfg_attr(feature = "component", component(name = "superseded"))]
    Superseded(CommandId),
    /// An admin cancelled it.
    #[cfg_attr(feature = "component", component(name = "cancelled"))]
    Cancelled,
    /// It expired.
    #[cfg_attr(feature = "component", component(name = "expired"))]
    Expired,
    /// Anything else, in the agent's own words.
    #[cfg_attr(feature = "component", component(name = "other"))]
    Other(String),
}

impl Failure {
    /// Maximum length of a text in it, in bytes: every later call about the device reads it.
    pub const MAX_TEXT_BYTES: usize = 1024;

    /// The case of the failure, without its text.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::ExistingPassword => "existing-password",
            Self::MayNotClear => "may-not-clear",
            Self::NotSupported => "not-supported",
            Self::UserLocked => "user-locked",
            Self::TokenNotActive => "token-not-active",
            Self::TokenInvalid => "token-invalid",
            Self::PolicyViolation => "policy-violation",
            Self::OtherAdminEntryPending => "other-admin-entry-pending",
            Self::NoSecureLockScreen => "no-secure-lock-screen",
            Self::PasswordUnreadable => "password-unreadable",
            Self::Superseded(_) => "superseded",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Other(_) => "other",
        }
    }

    /// The text in it: another command's id, or the agent's own words.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Superseded(text) | Self::Other(text) => Some(text),
            _ => None,
        }
    }
}

/// The outcome of a command. JSON: `"success"`, `{"failed": "user-locked"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(variant)
)]
pub enum Outcome {
    /// The device carried it out.
    #[cfg_attr(feature = "component", component(name = "success"))]
    Success,
    /// It failed for this reason.
    #[cfg_attr(feature = "component", component(name = "failed"))]
    Failed(Failure),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_in_a_word_is_what_json_calls_it() {
        let text = String::new;
        for failure in [
            Failure::ExistingPassword,
            Failure::MayNotClear,
            Failure::NotSupported,
            Failure::UserLocked,
            Failure::TokenNotActive,
            Failure::TokenInvalid,
            Failure::PolicyViolation,
            Failure::OtherAdminEntryPending,
            Failure::NoSecureLockScreen,
            Failure::PasswordUnreadable,
            Failure::Superseded(text()),
            Failure::Cancelled,
            Failure::Expired,
            Failure::Other(text()),
        ] {
            let json = serde_json::to_string(&failure).unwrap();
            assert_eq!(json.split('"').nth(1), Some(failure.as_str()));
        }
    }
}
