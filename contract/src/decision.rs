//! The decisions of a plugin: refusals, the effect of a report, the state of the policy, and the status of a device.

use crate::{
    Command, CommandId, Device, PasswordRule, Policy, PolicyOverride, text_enum::contract_enum,
};
use serde::{Deserialize, Serialize};
#[cfg(feature = "component")]
use wasmtime::component::{ComponentType, Lift, Lower};

/// One fault of a password. JSON: `{"too-short": 4}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(variant)
)]
pub enum PasswordFault {
    /// It has fewer characters than this.
    #[cfg_attr(feature = "component", component(name = "too-short"))]
    TooShort(u32),
    /// It has more characters than this.
    #[cfg_attr(feature = "component", component(name = "too-long"))]
    TooLong(u32),
    /// Only digits are allowed.
    #[cfg_attr(feature = "component", component(name = "not-only-digits"))]
    NotOnlyDigits,
    /// It has no letter.
    #[cfg_attr(feature = "component", component(name = "needs-letter"))]
    NeedsLetter,
    /// It has no digit.
    #[cfg_attr(feature = "component", component(name = "needs-digit"))]
    NeedsDigit,
    /// It is guessable, or known from breaches.
    #[cfg_attr(feature = "component", component(name = "guessable"))]
    Guessable,
    /// Another rule of the plugin, in words for the admin.
    #[cfg_attr(feature = "component", component(name = "other"))]
    Other(String),
}

/// The agent's version is below the deployment's minimum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(record)
)]
pub struct AgentTooOld {
    /// The version of the device's agent.
    #[cfg_attr(feature = "component", component(name = "agent-version"))]
    pub agent_version: String,
    /// The minimum version.
    #[cfg_attr(feature = "component", component(name = "required-version"))]
    pub required_version: String,
}

/// The refusal of a request. JSON: `{"conflict": "<id>"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(variant)
)]
pub enum Refusal {
    /// The password breaks the password rule.
    #[cfg_attr(feature = "component", component(name = "password-refused"))]
    PasswordRefused(Vec<PasswordFault>),
    /// The agent must be updated first.
    #[cfg_attr(feature = "component", component(name = "agent-too-old"))]
    AgentTooOld(AgentTooOld),
    /// This command is pending.
    #[cfg_attr(feature = "component", component(name = "conflict"))]
    Conflict(CommandId),
    /// This command, to be replaced, cancelled or expired, is not pending.
    #[cfg_attr(feature = "component", component(name = "not-pending"))]
    NotPending(CommandId),
    /// No password was set from the dashboard, and no policy is applied.
    #[cfg_attr(feature = "component", component(name = "nothing-to-remove"))]
    NothingToRemove,
    /// This command has no expiry, or its expiry lies in the future.
    #[cfg_attr(feature = "component", component(name = "not-expired"))]
    NotExpired(CommandId),
    /// The validity is 0 seconds, or lies beyond the calendar.
    #[cfg_attr(feature = "component", component(name = "bad-validity"))]
    BadValidity,
    /// Another rule of the plugin, in words for the admin.
    #[cfg_attr(feature = "component", component(name = "other"))]
    Other(String),
}

contract_enum! {
    /// The effect of a report.
    ReportEffect {
        /// The command got its outcome.
        Completed = "completed",
        /// The command already had this outcome.
        Repeated = "repeated",
        /// The command had ended with another outcome; the reported one is kept.
        Late = "late",
    }
}

/// The state of the applied policy. JSON: `"enforced"`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(variant)
)]
pub enum PolicyState {
    /// No policy is applied, and none is overridden.
    #[cfg_attr(feature = "component", component(name = "none"))]
    None,
    /// The applied policy is enforced.
    #[cfg_attr(feature = "component", component(name = "enforced"))]
    Enforced,
    /// No policy is pushed or enforced until a remove.
    #[cfg_attr(feature = "component", component(name = "overridden"))]
    Overridden(PolicyOverride),
}

impl Device {
    /// Returns `true` if its policy, in this state, requires a password that it does not have: the user is prompted.
    pub fn lacks_password(&self, state: &PolicyState) -> bool {
        let asks = self.policy.as_ref().is_some_and(Policy::asks_for_password);
        *state == PolicyState::Enforced && asks && !self.condition.password_set
    }
}

/// The status of a device, for its page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(record)
)]
pub struct DeviceStatus {
    /// The latest command, if there is one.
    pub latest: Option<Command>,
    /// The state of the applied policy.
    #[cfg_attr(feature = "component", component(name = "policy-state"))]
    pub policy_state: PolicyState,
    /// A remove is offered.
    #[cfg_attr(feature = "component", component(name = "remove-offered"))]
    pub remove_offered: bool,
    /// The effective rule for a new password.
    #[cfg_attr(feature = "component", component(name = "password-rule"))]
    pub password_rule: PasswordRule,
}
