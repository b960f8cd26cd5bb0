//! The device info of a test device.

use mdm_agent_protocol::sync::DeviceInfo;
use mdm_contract::{Capabilities, Condition, ManagementMode, Ownership, TokenState};

/// A device owner on Android 14, on which everything succeeds.
pub fn owner() -> DeviceInfo {
    DeviceInfo {
        api_level: 34,
        agent_version: "6.9.0".into(),
        management_mode: ManagementMode::DeviceOwner,
        managed_profile: false,
        ownership: Ownership::Company,
        capabilities: Capabilities::android(),
        condition: Condition {
            password_set: false,
            token: TokenState::Active,
            unlocked_since_boot: true,
            direct_boot_aware: true,
            secure_lock_screen: true,
            other_admin_entry_pending: false,
            other_admin_policy: None,
        },
    }
}
