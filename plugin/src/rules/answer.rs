//! The answer of a device to a command, by API level and management mode. Sources: Android's
//! `DevicePolicyManager` reference (`resetPassword`, `resetPasswordWithToken`,
//! `setResetPasswordToken`), AOSP's `DevicePolicyManagerService`, and the CTS device policy tests.
//!
//! The device's own policy plays no part: the agent lifts it before it sets a password.

use super::{
    asks_for_password, is_met,
    types::{Action, Device, DeviceFailure, ManagementMode, PasswordMetrics, TokenState},
};

/// The expected answer of a device.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// It carries the command out.
    Succeeds,
    /// It carries the command out once the user has unlocked it.
    WaitsForUnlock,
    /// It fails for this reason.
    Fails(DeviceFailure),
}

/// The answer to a reset to this password, or to a remove.
pub fn answer(device: &Device, action: Action, password: &PasswordMetrics) -> Answer {
    match obstacle(device, action) {
        None if violates_policy(device, action, password) => {
            Answer::Fails(DeviceFailure::PolicyViolation)
        }
        None => Answer::Succeeds,
        Some(obstacle) => obstacle,
    }
}

/// The answer if it does not depend on the password.
fn obstacle(device: &Device, action: Action) -> Option<Answer> {
    let fails = |failure| Some(Answer::Fails(failure));
    if !device.condition.secure_lock_screen {
        return fails(DeviceFailure::NoSecureLockScreen);
    }
    match (device.management_mode, device.api_level) {
        (_, ..24) => None,
        (ManagementMode::DeviceAdmin, 30..) => fails(DeviceFailure::NotSupported),
        (ManagementMode::DeviceAdmin, 24..30) => match action {
            Action::Remove => fails(DeviceFailure::MayNotClear),
            Action::Reset if device.condition.password_set => {
                fails(DeviceFailure::ExistingPassword)
            }
            Action::Reset => None,
        },
        (_, 24..26) => {
            if !device.condition.unlocked_since_boot {
                fails(DeviceFailure::UserLocked)
            } else if device.managed_profile && action == Action::Remove {
                fails(DeviceFailure::MayNotClear)
            } else {
                None
            }
        }
        (_, 26..) => token_obstacle(device),
    }
}

/// Android 8.0 and later: only the reset token can change a password.
fn token_obstacle(device: &Device) -> Option<Answer> {
    let condition = &device.condition;
    if condition.other_admin_entry_pending {
        return Some(Answer::Fails(DeviceFailure::OtherAdminEntryPending));
    }
    match condition.token {
        TokenState::Missing | TokenState::Unconfirmed => {
            Some(Answer::Fails(DeviceFailure::TokenNotActive))
        }
        TokenState::Invalid => Some(Answer::Fails(DeviceFailure::TokenInvalid)),
        TokenState::Unsupported => Some(Answer::Fails(DeviceFailure::TokenUnsupported)),
        TokenState::Active if !condition.unlocked_since_boot && !condition.direct_boot_aware => {
            Some(Answer::WaitsForUnlock)
        }
        TokenState::Active => None,
    }
}

/// Only another admin's policy can be violated: the agent can't lift it.
fn violates_policy(device: &Device, action: Action, password: &PasswordMetrics) -> bool {
    let Some(policy) = &device.condition.other_admin_policy else {
        return false;
    };
    match action {
        Action::Reset => !is_met(policy, password),
        Action::Remove => asks_for_password(policy),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{
        samples::{device, metrics, quality},
        types::Quality,
    };
    use Action::{Remove, Reset};
    use ManagementMode::{DeviceAdmin as Da, DeviceOwner as Do, ProfileOwner as Po};

    /// A device of every mode in `modes` and every API level in `levels`, changed by `change`.
    fn devices(
        levels: std::ops::RangeInclusive<u32>,
        modes: &[ManagementMode],
        change: impl Fn(&mut Device),
    ) -> Vec<Device> {
        let mut devices = Vec::new();
        for api_level in levels {
            for mode in modes {
                let mut device = device();
                device.api_level = api_level;
                device.management_mode = *mode;
                change(&mut device);
                devices.push(device);
            }
        }
        devices
    }

    #[track_caller]
    fn all_answer(devices: &[Device], actions: &[Action], expected: &Answer) {
        for device in devices {
            for action in actions {
                let said = answer(device, *action, &metrics("1234"));
                assert_eq!(said, *expected, "{action:?} on {device:?}");
            }
        }
    }

    #[test]
    fn up_to_api_23_every_mode_sets_a_password_that_meets_the_policy() {
        let any = devices(19..=23, &[Do, Po, Da], |_| {});
        all_answer(&any, &[Reset, Remove], &Answer::Succeeds);
        let strict = devices(19..=23, &[Do, Po, Da], |device| {
            device.condition.other_admin_policy = Some(quality(Quality::Alphabetic, 4));
        });
        all_answer(
            &strict,
            &[Reset, Remove],
            &Answer::Fails(DeviceFailure::PolicyViolation),
        );
    }

    #[test]
    fn api_24_to_29_a_device_admin_sets_a_first_password_and_no_other() {
        let none_set = devices(24..=29, &[Da], |_| {});
        let set = devices(24..=29, &[Da], |device| {
            device.condition.password_set = true
        });
        all_answer(&none_set, &[Reset], &Answer::Succeeds);
        all_answer(
            &set,
            &[Reset],
            &Answer::Fails(DeviceFailure::ExistingPassword),
        );
        all_answer(
            &none_set,
            &[Remove],
            &Answer::Fails(DeviceFailure::MayNotClear),
        );
        all_answer(&set, &[Remove], &Answer::Fails(DeviceFailure::MayNotClear));
    }

    #[test]
    fn from_api_30_a_device_admin_does_nothing() {
        let devices = devices(30..=36, &[Da], |_| {});
        all_answer(
            &devices,
            &[Reset, Remove],
            &Answer::Fails(DeviceFailure::NotSupported),
        );
    }

    #[test]
    fn api_24_and_25_owners_need_an_unlocked_user() {
        let unlocked = devices(24..=25, &[Do, Po], |device| {
            device.condition.token = TokenState::Missing
        });
        all_answer(&unlocked, &[Reset, Remove], &Answer::Succeeds);
        let locked = devices(24..=25, &[Do, Po], |device| {
            device.condition.unlocked_since_boot = false;
        });
        all_answer(
            &locked,
            &[Reset, Remove],
            &Answer::Fails(DeviceFailure::UserLocked),
        );
    }

    #[test]
    fn api_24_and_25_a_managed_profile_sets_and_changes_but_does_not_clear() {
        let devices = devices(24..=25, &[Po], |device| device.managed_profile = true);
        all_answer(&devices, &[Reset], &Answer::Succeeds);
        all_answer(
            &devices,
            &[Remove],
            &Answer::Fails(DeviceFailure::MayNotClear),
        );
    }

    #[test]
    fn from_api_26_owners_need_an_active_token() {
        for (token, expected) in [
            (TokenState::Active, Answer::Succeeds),
            (
                TokenState::Missing,
                Answer::Fails(DeviceFailure::TokenNotActive),
            ),
            (
                TokenState::Unconfirmed,
                Answer::Fails(DeviceFailure::TokenNotActive),
            ),
            (
                TokenState::Invalid,
                Answer::Fails(DeviceFailure::TokenInvalid),
            ),
            (
                TokenState::Unsupported,
                Answer::Fails(DeviceFailure::TokenUnsupported),
            ),
        ] {
            for password_set in [false, true] {
                let devices = devices(26..=36, &[Do, Po], |device| {
                    device.condition.token = token;
                    device.condition.password_set = password_set;
                });
                all_answer(&devices, &[Reset, Remove], &expected);
            }
        }
    }

    #[test]
    fn from_api_26_another_admins_policy_or_pending_entry_stands_in_the_way() {
        let strict = devices(26..=36, &[Do, Po], |device| {
            device.condition.other_admin_policy = Some(quality(Quality::Complex, 8));
        });
        all_answer(
            &strict,
            &[Reset, Remove],
            &Answer::Fails(DeviceFailure::PolicyViolation),
        );
        let waiting = devices(26..=36, &[Do, Po], |device| {
            device.condition.other_admin_entry_pending = true;
        });
        all_answer(
            &waiting,
            &[Reset, Remove],
            &Answer::Fails(DeviceFailure::OtherAdminEntryPending),
        );
    }

    #[test]
    fn from_api_26_its_own_policy_stands_in_no_way_because_the_agent_lifts_it() {
        let devices = devices(26..=36, &[Do, Po], |device| {
            device.policy = Some(quality(Quality::Complex, 8));
        });
        all_answer(&devices, &[Reset, Remove], &Answer::Succeeds);
    }

    #[test]
    fn from_api_26_after_a_boot_only_an_agent_that_is_direct_boot_aware_need_not_wait() {
        for (direct_boot_aware, expected) in
            [(true, Answer::Succeeds), (false, Answer::WaitsForUnlock)]
        {
            let devices = devices(26..=36, &[Do, Po], |device| {
                device.condition.unlocked_since_boot = false;
                device.condition.direct_boot_aware = direct_boot_aware;
            });
            all_answer(&devices, &[Reset, Remove], &expected);
        }
    }

    #[test]
    fn without_a_secure_lock_screen_everything_fails() {
        let devices = devices(19..=36, &[Do, Po, Da], |device| {
            device.condition.secure_lock_screen = false;
        });
        all_answer(
            &devices,
            &[Reset, Remove],
            &Answer::Fails(DeviceFailure::NoSecureLockScreen),
        );
    }
}
