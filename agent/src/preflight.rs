//! Preflight: the reason for which Android would refuse a command, found before the call, because Android answers with
//! a bare yes or no. The source is the table "How a device answers" in `docs/rules.md`.

use crate::{
    device::{Device, password::Metrics},
    state::Agent,
    token::{can_reach_token, token_state},
};
use mdm_contract::{Action, DeviceFailure, ManagementMode, TokenState};

/// The expected answer of the device.
#[derive(Debug, PartialEq, Eq)]
pub enum Preflight {
    /// Yes, once the agent has lifted its own policy.
    Yes,
    /// No, and this is why.
    No(DeviceFailure),
    /// The agent can't ask before the user has unlocked the device.
    AfterUnlock,
}

/// Predicts the answer of the device to a reset to this password, or to a remove.
pub fn preflight(agent: &Agent, device: &Device, action: Action, password: &Metrics) -> Preflight {
    let is_clear = action == Action::Remove;
    let obstacle = if !device.secure_lock_screen {
        Some(DeviceFailure::NoSecureLockScreen)
    } else {
        match (device.management_mode, device.api_level) {
            (_, ..24) => None,
            (ManagementMode::DeviceAdmin, 30..) => Some(DeviceFailure::NotSupported),
            (ManagementMode::DeviceAdmin, _) if is_clear => Some(DeviceFailure::MayNotClear),
            (ManagementMode::DeviceAdmin, _) => device
                .is_password_set()
                .then_some(DeviceFailure::ExistingPassword),
            (_, 24..26) if !device.unlocked_since_boot => Some(DeviceFailure::UserLocked),
            (_, 24..26) => {
                (is_clear && device.managed_profile).then_some(DeviceFailure::MayNotClear)
            }
            (_, 26..) if device.other_admin_entry_pending => {
                Some(DeviceFailure::OtherAdminEntryPending)
            }
            (_, 26..) => match token_state(agent, device) {
                TokenState::Missing | TokenState::Unconfirmed => {
                    Some(DeviceFailure::TokenNotActive)
                }
                TokenState::Invalid => Some(DeviceFailure::TokenInvalid),
                TokenState::Unsupported => Some(DeviceFailure::TokenUnsupported),
                TokenState::Active if !can_reach_token(agent, device) => {
                    return Preflight::AfterUnlock;
                }
                TokenState::Active => None,
            },
        }
    };
    match obstacle {
        Some(failure) => Preflight::No(failure),
        None if action == Action::Reset && !password.is_accepted() => {
            Preflight::No(DeviceFailure::PasswordNotAccepted)
        }
        None if violates_other_admins_policy(device, action, password) => {
            Preflight::No(DeviceFailure::PolicyViolation)
        }
        None => Preflight::Yes,
    }
}

fn violates_other_admins_policy(device: &Device, action: Action, password: &Metrics) -> bool {
    let none = Metrics::of("");
    let becomes = if action == Action::Reset {
        password
    } else {
        &none
    };
    device
        .other_admin_policy
        .as_ref()
        .is_some_and(|policy| !becomes.meets(policy))
}
