//! The device as plugins see it, and the decisions of plugins: types that a host passes to a plugin and gives to
//! admins as JSON. `wit/types.wit` specifies each.

use crate::{
    text_enum::contract_enum,
    time::{self, Timestamp},
    types::{Action, CommandId, Condition, Failure, ManagementMode, Outcome, Policy, ResetOptions},
};
use serde::{Deserialize, Serialize};
#[cfg(feature = "component")]
use wasmtime::component::{ComponentType, Lift, Lower};

/// From the success of a reset until the success of a remove, the policy is not enforced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(record)
)]
pub struct PolicyOverride {
    /// The reset that set the password.
    pub command: CommandId,
    /// The time at which the host got the report of its success.
    #[serde(with = "time")]
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub since: Timestamp,
}

/// The one device that a call is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(record)
)]
pub struct Device {
    /// The host's id of the device: a UUID.
    pub id: String,
    /// `Build.VERSION.SDK_INT`.
    #[cfg_attr(feature = "component", component(name = "api-level"))]
    pub api_level: u32,
    /// The agent's version, as semantic versioning writes it.
    #[cfg_attr(feature = "component", component(name = "agent-version"))]
    pub agent_version: String,
    /// The management mode.
    #[cfg_attr(feature = "component", component(name = "management-mode"))]
    pub management_mode: ManagementMode,
    /// For a profile owner: `true` if its profile is a managed (work) profile.
    #[cfg_attr(feature = "component", component(name = "managed-profile"))]
    pub managed_profile: bool,
    /// The groups that an admin put it in.
    pub groups: Vec<String>,
    /// The condition at the last sync.
    pub condition: Condition,
    /// The time of the agent's last sync with this device info.
    #[serde(with = "time")]
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    #[cfg_attr(feature = "component", component(name = "last-sync"))]
    pub last_sync: Timestamp,
    /// The policy that an admin applied, whether it is enforced or overridden.
    pub policy: Option<Policy>,
    /// Set while the policy is overridden.
    #[cfg_attr(feature = "component", component(name = "policy-override"))]
    pub policy_override: Option<PolicyOverride>,
}

impl Device {
    /// Returns `true` if its policy, in this state, requires a password that it does not have: the user is prompted.
    pub fn lacks_password(&self, state: &PolicyState) -> bool {
        let asks = self.policy.as_ref().is_some_and(Policy::asks_for_password);
        *state == PolicyState::Enforced && asks && !self.condition.password_set
    }
}

/// The terms on which a command is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(record)
)]
pub struct Terms {
    /// The pending command that this one replaces.
    pub replaces: Option<CommandId>,
    /// In seconds: after that, a command that was not carried out has expired.
    #[cfg_attr(feature = "component", component(name = "valid-for"))]
    pub valid_for: Option<u64>,
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

/// One order to one device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(record)
)]
pub struct Command {
    /// Its id.
    pub id: CommandId,
    /// The action.
    pub action: Action,
    /// The options of a reset.
    pub options: ResetOptions,
    /// It leaves `pending` once.
    pub status: Status,
    /// When an admin asked for it.
    #[serde(with = "time")]
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    #[cfg_attr(feature = "component", component(name = "requested-at"))]
    pub requested_at: Timestamp,
    /// When its status left `pending`.
    #[serde(with = "time::option", default)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    #[cfg_attr(feature = "component", component(name = "completed-at"))]
    pub completed_at: Option<Timestamp>,
    /// When its time is over.
    #[serde(with = "time::option", default)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    #[cfg_attr(feature = "component", component(name = "expires-at"))]
    pub expires_at: Option<Timestamp>,
    /// The outcome that the device reported after the command had been completed otherwise.
    #[serde(default)]
    #[cfg_attr(feature = "component", component(name = "late-outcome"))]
    pub late_outcome: Option<Outcome>,
}

/// A command that a plugin sends.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(record)
)]
pub struct NewCommand {
    /// The action.
    pub action: Action,
    /// The options of a reset.
    pub options: ResetOptions,
    /// When its time is over.
    #[cfg_attr(feature = "component", component(name = "expires-at"))]
    pub expires_at: Option<Timestamp>,
}

contract_enum! {
    /// The characters that a password rule asks for.
    Characters {
        /// Digits 0–9 and nothing else.
        Digits = "digits",
        /// At least one letter and one digit; symbols are allowed.
        Alphanumeric = "alphanumeric",
    }
}

/// The password rule of a deployment, for every password set from the dashboard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(record)
)]
pub struct PasswordRule {
    /// The allowed or required characters.
    pub characters: Characters,
    /// In characters (Unicode scalar values).
    #[cfg_attr(feature = "component", component(name = "minimum-length"))]
    pub minimum_length: u32,
    /// In characters (Unicode scalar values).
    #[cfg_attr(feature = "component", component(name = "maximum-length"))]
    pub maximum_length: u32,
}

impl Default for PasswordRule {
    /// Exactly 4 digits.
    fn default() -> Self {
        Self {
            characters: Characters::Digits,
            minimum_length: 4,
            maximum_length: 4,
        }
    }
}

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

/// The agent's version is below the feature's minimum.
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

/// The status of a device, for its page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(record)
)]
pub struct DeviceStatus {
    /// The latest command, if one was ever made.
    pub latest: Option<Command>,
    /// The state of the applied policy.
    #[cfg_attr(feature = "component", component(name = "policy-state"))]
    pub policy_state: PolicyState,
    /// A remove is offered.
    #[cfg_attr(feature = "component", component(name = "remove-offered"))]
    pub remove_offered: bool,
    /// The rule for a new password.
    #[cfg_attr(feature = "component", component(name = "password-rule"))]
    pub password_rule: PasswordRule,
}

/// The reason why a command will wait. JSON: `{"device-offline": "<time>"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(variant)
)]
pub enum Wait {
    /// The device is offline; it was last heard of at this time.
    #[cfg_attr(feature = "component", component(name = "device-offline"))]
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    DeviceOffline(#[serde(with = "time")] Timestamp),
    /// The user must unlock the device once after its boot.
    #[cfg_attr(feature = "component", component(name = "user-must-unlock"))]
    UserMustUnlock,
}

/// The verdict of a preview. JSON: `{"will-fail": "user-locked"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(variant)
)]
pub enum Verdict {
    /// The device will carry it out.
    #[cfg_attr(feature = "component", component(name = "will-succeed"))]
    WillSucceed,
    /// It will stay pending for this reason.
    #[cfg_attr(feature = "component", component(name = "will-wait"))]
    WillWait(Wait),
    /// It would be accepted, and the device would report this failure.
    #[cfg_attr(feature = "component", component(name = "will-fail"))]
    WillFail(Failure),
    /// It would be refused.
    #[cfg_attr(feature = "component", component(name = "would-be-refused"))]
    WouldBeRefused(Refusal),
}

/// A note to the admin before confirming. JSON: `"best-effort"`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(variant)
)]
pub enum Note {
    /// Works best on a device owner with Android 7.0 or later.
    #[cfg_attr(feature = "component", component(name = "best-effort"))]
    BestEffort,
    /// The password of the work profile changes, not that of the device.
    #[cfg_attr(feature = "component", component(name = "work-profile-only"))]
    WorkProfileOnly,
    /// The policy will not be enforced from the reset until a remove.
    #[cfg_attr(feature = "component", component(name = "overrides-policy"))]
    OverridesPolicy,
    /// After the remove the policy is enforced again.
    #[cfg_attr(feature = "component", component(name = "policy-enforced-again"))]
    PolicyEnforcedAgain,
    /// The device or the transport can't do `lock-now`.
    #[cfg_attr(feature = "component", component(name = "no-lock-now"))]
    NoLockNow,
    /// The device or the transport can't do `require-entry`.
    #[cfg_attr(feature = "component", component(name = "no-require-entry"))]
    NoRequireEntry,
    /// The device or the transport can't do `no-credentials-on-boot`.
    #[cfg_attr(feature = "component", component(name = "no-credentials-option"))]
    NoCredentialsOption,
    /// The transport can't withdraw a command after its expiry.
    #[cfg_attr(feature = "component", component(name = "no-expiry"))]
    NoExpiry,
    /// Another admin enforces this policy.
    #[cfg_attr(feature = "component", component(name = "other-admin-policy"))]
    OtherAdminPolicy(Policy),
    /// The device is offline; it was last heard of at this time.
    #[cfg_attr(feature = "component", component(name = "device-offline"))]
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    DeviceOffline(#[serde(with = "time")] Timestamp),
    /// Anything else, in words for the admin.
    #[cfg_attr(feature = "component", component(name = "other"))]
    Other(String),
}

contract_enum! {
    /// The remedy for a verdict other than success.
    Remedy {
        /// Ask the user to unlock the device once.
        UserUnlocksOnce = "user-unlocks-once",
        /// Ask the user to remove the password on the device.
        UserRemovesPassword = "user-removes-password",
        /// Ask the user to enter the password that the other admin set.
        UserEntersOtherPassword = "user-enters-other-password",
        /// Choose a password that meets the other admin's policy.
        StrongerPassword = "stronger-password",
        /// The other admin has to lift its policy first.
        OtherAdminLiftsPolicy = "other-admin-lifts-policy",
        /// Enrol the device again as device owner, or in a work profile.
        EnrollAgain = "enroll-again",
        /// The agent provisions a new reset token.
        ProvisionToken = "provision-token",
        /// Update the agent.
        UpdateAgent = "update-agent",
        /// Wait for the pending command, cancel it, or replace it.
        ResolvePending = "resolve-pending",
        /// Switch the device on, and connect it to the network.
        ConnectDevice = "connect-device",
        /// Choose a password that the rule allows.
        OtherPassword = "other-password",
        /// No remedy on this device.
        None = "none",
    }
}

/// The preview of a reset or a remove.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(record)
)]
pub struct DevicePreview {
    /// The verdict.
    pub verdict: Verdict,
    /// The remedy. `None` if it will succeed.
    pub remedy: Option<Remedy>,
    /// Notes to the admin before confirming.
    pub notes: Vec<Note>,
}

/// The metrics of a password. A plugin learns nothing else of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(record)
)]
pub struct PasswordMetrics {
    /// In characters (Unicode scalar values).
    pub length: u32,
    /// The number of digits 0–9.
    pub digits: u32,
    /// The number of letters a–z.
    #[cfg_attr(feature = "component", component(name = "lower-case"))]
    pub lower_case: u32,
    /// The number of letters A–Z.
    #[cfg_attr(feature = "component", component(name = "upper-case"))]
    pub upper_case: u32,
    /// The number of other printable ASCII characters.
    pub symbols: u32,
    /// The number of other characters.
    pub others: u32,
    /// The length of the longest run of equal or evenly stepping characters.
    #[cfg_attr(feature = "component", component(name = "longest-sequence"))]
    pub longest_sequence: u32,
}

/// The capabilities of the transport of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(record)
)]
pub struct Capabilities {
    /// Lock the device with a reset.
    #[cfg_attr(feature = "component", component(name = "lock-now"))]
    pub lock_now: bool,
    /// Set a password that the user must enter before another admin may change it.
    #[cfg_attr(feature = "component", component(name = "require-entry"))]
    pub require_entry: bool,
    /// Set a password that is not asked for at boot.
    #[cfg_attr(feature = "component", component(name = "no-credentials-on-boot"))]
    pub no_credentials_on_boot: bool,
    /// Withdraw a command after its expiry.
    pub expiry: bool,
}

impl Capabilities {
    /// All capabilities.
    pub const ALL: Self = Self {
        lock_now: true,
        require_entry: true,
        no_credentials_on_boot: true,
        expiry: true,
    };
}
