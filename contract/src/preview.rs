//! The preview of a request: verdict, remedy and notes.

use crate::{
    DeviceFailure, Policy, Refusal,
    text_enum::contract_enum,
    time::{self, Timestamp},
};
use serde::{Deserialize, Serialize};
#[cfg(feature = "component")]
use wasmtime::component::{ComponentType, Lift, Lower};

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
    WillFail(DeviceFailure),
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
    /// The remedy for a verdict other than success. Absent where nothing helps, or the verdict itself names the remedy.
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
    /// Always `None` if it will succeed.
    pub remedy: Option<Remedy>,
    /// Notes to the admin before confirming.
    pub notes: Vec<Note>,
}
