//! The device of a call: its management, condition, policy and capabilities.

use crate::{
    CommandId, Policy, ResetOptions,
    text_enum::contract_enum,
    time::{self, Timestamp},
};
use serde::{Deserialize, Serialize};
#[cfg(feature = "component")]
use wasmtime::component::{ComponentType, Lift, Lower};

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
    /// The owner of a device.
    Ownership {
        /// The organisation's.
        Company = "company",
        /// The user's.
        Personal = "personal",
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
        /// The device can't hold a reset token.
        Unsupported = "unsupported",
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
    /// The owner of the device.
    pub ownership: Ownership,
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

/// The passwords that a device accepts, whatever its policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(record)
)]
pub struct AcceptedPasswords {
    /// The minimum length of a password that has only digits.
    #[cfg_attr(feature = "component", component(name = "minimum-pin-length"))]
    pub minimum_pin_length: u32,
    /// The minimum length of any other password.
    #[cfg_attr(feature = "component", component(name = "minimum-length"))]
    pub minimum_length: u32,
    /// The maximum length of any password.
    #[cfg_attr(feature = "component", component(name = "maximum-length"))]
    pub maximum_length: u32,
}

impl AcceptedPasswords {
    /// Android itself accepts 4 to 16 characters (`LockPatternUtils.MIN_LOCK_PASSWORD_SIZE`,
    /// `DevicePolicyManager.getPasswordMaximumLength`).
    pub const ANDROID: Self = Self {
        minimum_pin_length: 4,
        minimum_length: 4,
        maximum_length: 16,
    };
}

/// The capabilities of the way to a device, reported by its agent or gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "component",
    derive(ComponentType, Lift, Lower),
    component(record)
)]
pub struct Capabilities {
    /// The options that it can carry out.
    pub options: ResetOptions,
    /// It can withdraw a command after its expiry.
    pub expiry: bool,
    /// The passwords that it accepts.
    pub passwords: AcceptedPasswords,
}

impl Capabilities {
    /// All that Android offers.
    pub fn android() -> Self {
        Self {
            options: ResetOptions::every(),
            expiry: true,
            passwords: AcceptedPasswords::ANDROID,
        }
    }
}
