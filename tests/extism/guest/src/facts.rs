//! The JSON between host and plugin: one document with the data of the contract's imports, and one with the result.

use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ManagementMode {
    DeviceOwner,
    ProfileOwner,
    DeviceAdmin,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenState {
    Missing,
    Unconfirmed,
    Active,
    Invalid,
    Unsupported,
}

#[derive(Serialize, Deserialize)]
pub struct Condition {
    pub password_set: bool,
    pub token: TokenState,
    pub unlocked_since_boot: bool,
    pub direct_boot_aware: bool,
    pub secure_lock_screen: bool,
    pub other_admin_entry_pending: bool,
}

#[derive(Serialize, Deserialize)]
pub struct Device {
    pub id: String,
    pub api_level: u32,
    pub agent_version: String,
    pub management_mode: ManagementMode,
    pub managed_profile: bool,
    pub groups: Vec<String>,
    pub condition: Condition,
    pub last_sync: u64,
}

/// The part of the pending command that a reset needs.
#[derive(Serialize, Deserialize)]
pub struct Pending {
    pub id: String,
    pub requested_at: u64,
    pub expires_at: Option<u64>,
}

/// Digits only.
#[derive(Serialize, Deserialize)]
pub struct PasswordRule {
    pub minimum_length: u32,
    pub maximum_length: u32,
}

#[derive(Serialize, Deserialize)]
pub struct PasswordMetrics {
    pub length: u32,
    pub digits: u32,
    pub lower_case: u32,
    pub upper_case: u32,
    pub symbols: u32,
    pub others: u32,
    pub longest_sequence: u32,
    pub longest_repeat: u32,
    pub distinct: u32,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct ResetOptions {
    pub lock_now: bool,
    pub require_entry: bool,
    pub no_credentials_on_boot: bool,
}

#[derive(Serialize, Deserialize)]
pub struct Terms {
    pub replaces: Option<String>,
    pub valid_for: Option<u64>,
}

/// The input of a reset.
#[derive(Serialize, Deserialize)]
pub struct Asked {
    pub device: Device,
    pub pending: Option<Pending>,
    pub password_rule: PasswordRule,
    pub minimum_agent_version: String,
    pub now: u64,
    pub password: PasswordMetrics,
    pub options: ResetOptions,
    pub terms: Terms,
}

/// The command to send and the command that it ends, or the refusal.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    Send {
        options: ResetOptions,
        expires_at: Option<u64>,
        expired: Option<String>,
        superseded: Option<String>,
    },
    Refuse(String),
}
