//! The outcome of a command, as its device reports it and as the host keeps it.

use crate::CommandId;
use serde::{Deserialize, Serialize};
#[cfg(feature = "component")]
use wasmtime::component::{ComponentType, Lift, Lower};

/// The failure that a device reports. JSON: `"user-locked"`, `{"other": "<text>"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(variant)
)]
pub enum DeviceFailure {
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
    /// The device can't hold a reset token.
    #[cfg_attr(feature = "component", component(name = "token-unsupported"))]
    TokenUnsupported,
    /// Weaker than a policy that the agent can't lift.
    #[cfg_attr(feature = "component", component(name = "policy-violation"))]
    PolicyViolation,
    /// The device accepts no such password, whatever the policy.
    #[cfg_attr(feature = "component", component(name = "password-not-accepted"))]
    PasswordNotAccepted,
    /// Another admin's password waits for the user's entry.
    #[cfg_attr(feature = "component", component(name = "other-admin-entry-pending"))]
    OtherAdminEntryPending,
    /// The device has no secure lock screen.
    #[cfg_attr(feature = "component", component(name = "no-secure-lock-screen"))]
    NoSecureLockScreen,
    /// The agent could not open the sealed password.
    #[cfg_attr(feature = "component", component(name = "password-unreadable"))]
    PasswordUnreadable,
    /// Anything else, in the agent's own words.
    #[cfg_attr(feature = "component", component(name = "other"))]
    Other(String),
}

impl DeviceFailure {
    /// Maximum length of the agent's own words, in bytes: every later call about the device reads them.
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
            Self::TokenUnsupported => "token-unsupported",
            Self::PolicyViolation => "policy-violation",
            Self::PasswordNotAccepted => "password-not-accepted",
            Self::OtherAdminEntryPending => "other-admin-entry-pending",
            Self::NoSecureLockScreen => "no-secure-lock-screen",
            Self::PasswordUnreadable => "password-unreadable",
            Self::Other(_) => "other",
        }
    }

    /// The agent's own words, if the failure has any.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Other(text) => Some(text),
            _ => None,
        }
    }
}

/// The outcome that a device reports. JSON: `"success"`, `{"failed": "user-locked"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(variant)
)]
pub enum DeviceOutcome {
    /// The device carried it out.
    #[cfg_attr(feature = "component", component(name = "success"))]
    Success,
    /// It failed for this reason.
    #[cfg_attr(feature = "component", component(name = "failed"))]
    Failed(DeviceFailure),
}

impl DeviceOutcome {
    /// The agent's own words, if it has any.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Success => None,
            Self::Failed(failure) => failure.text(),
        }
    }
}

/// The failure of a command. JSON: `{"device": "user-locked"}`, `"expired"`, `{"superseded": "<id>"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(variant)
)]
pub enum Failure {
    /// The device reported it.
    #[cfg_attr(feature = "component", component(name = "device"))]
    Device(DeviceFailure),
    /// A later command replaced it.
    #[cfg_attr(feature = "component", component(name = "superseded"))]
    Superseded(CommandId),
    /// An admin cancelled it.
    #[cfg_attr(feature = "component", component(name = "cancelled"))]
    Cancelled,
    /// It expired.
    #[cfg_attr(feature = "component", component(name = "expired"))]
    Expired,
}

impl Failure {
    /// The reason in a word, without its text: the device's, or `superseded`, `cancelled` or `expired`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Device(failure) => failure.as_str(),
            Self::Superseded(_) => "superseded",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// The text in it: another command's id, or the agent's own words.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Device(failure) => failure.text(),
            Self::Superseded(id) => Some(id),
            Self::Cancelled | Self::Expired => None,
        }
    }
}

/// The outcome of a command. JSON: `"success"`, `{"failed": "expired"}`.
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

impl From<DeviceFailure> for Failure {
    fn from(failure: DeviceFailure) -> Self {
        Self::Device(failure)
    }
}

impl From<DeviceOutcome> for Outcome {
    fn from(outcome: DeviceOutcome) -> Self {
        match outcome {
            DeviceOutcome::Success => Self::Success,
            DeviceOutcome::Failed(failure) => Self::Failed(Failure::Device(failure)),
        }
    }
}

/// The status of a command. JSON: `"pending"`, `{"failed": "expired"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(variant)
)]
pub enum Status {
    /// It has no outcome yet.
    #[cfg_attr(feature = "component", component(name = "pending"))]
    Pending,
    /// The device did it.
    #[cfg_attr(feature = "component", component(name = "success"))]
    Success,
    /// It failed for this reason.
    #[cfg_attr(feature = "component", component(name = "failed"))]
    Failed(Failure),
}

impl From<Outcome> for Status {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Success => Self::Success,
            Outcome::Failed(failure) => Self::Failed(failure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_in_a_word_is_what_json_calls_it() {
        for failure in [
            DeviceFailure::ExistingPassword,
            DeviceFailure::MayNotClear,
            DeviceFailure::NotSupported,
            DeviceFailure::UserLocked,
            DeviceFailure::TokenNotActive,
            DeviceFailure::TokenInvalid,
            DeviceFailure::TokenUnsupported,
            DeviceFailure::PolicyViolation,
            DeviceFailure::PasswordNotAccepted,
            DeviceFailure::OtherAdminEntryPending,
            DeviceFailure::NoSecureLockScreen,
            DeviceFailure::PasswordUnreadable,
            DeviceFailure::Other(String::new()),
        ] {
            let json = serde_json::to_string(&failure).unwrap();
            assert_eq!(json.split('"').nth(1), Some(failure.as_str()));
        }
        for failure in [
            Failure::Superseded(String::new()),
            Failure::Cancelled,
            Failure::Expired,
        ] {
            let json = serde_json::to_string(&failure).unwrap();
            assert_eq!(json.split('"').nth(1), Some(failure.as_str()));
        }
    }
}
