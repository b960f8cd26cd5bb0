//! The device's side of Android's `DevicePolicyManager`: it answers yes or no, without a reason.

use super::{
    Device, StoredToken,
    password::{Metrics, verifier},
};
use mdm_contract::{ManagementMode, Policy, Requirement, ResetOptions};

/// Minimum length of a reset token, in bytes.
const MIN_TOKEN_LENGTH: usize = 32;

impl Device {
    /// `setPasswordQuality`, `setPasswordMinimumLength` and `setRequiredPasswordComplexity`; none
    /// lifts the policy. A quality clears a complexity, and the other way round. Complexities came
    /// with API 31.
    pub fn set_policy(&mut self, policy: Option<Policy>) -> bool {
        let is_complexity = policy
            .as_ref()
            .is_some_and(|it| matches!(it.requirement, Requirement::Complexity(_)));
        let is_known = !is_complexity || self.api_level >= 31;
        if is_known {
            self.policy = policy;
        }
        is_known
    }

    /// `setResetPasswordToken`: active at once if no password is set, else when the user has confirmed it by unlocking
    /// the device. Refused if escrow tokens are disabled.
    pub fn set_reset_password_token(&mut self, token: &[u8]) -> bool {
        let is_taken =
            self.has_reset_tokens() && self.escrow_tokens && token.len() >= MIN_TOKEN_LENGTH;
        if is_taken {
            self.token = Some(StoredToken {
                verifier: verifier(self.lock_key.as_bytes(), token),
                is_active: self.password.is_none(),
            });
        }
        is_taken
    }

    /// `isResetPasswordTokenActive`. `None` if no token is set.
    pub fn is_reset_password_token_active(&self) -> Option<bool> {
        self.token.as_ref().map(|token| token.is_active)
    }

    /// Returns `true` if this agent can have a reset token: device and profile owners, from API 26.
    pub fn has_reset_tokens(&self) -> bool {
        self.api_level >= 26 && self.management_mode != ManagementMode::DeviceAdmin
    }

    /// `resetPassword`, which Android 8.0 and later refuse to owners, and Android 11 to everyone. An
    /// empty password clears it.
    pub fn reset_password(&mut self, password: &str, options: ResetOptions) -> bool {
        let is_clear = password.is_empty();
        let is_allowed = match (self.management_mode, self.api_level) {
            (_, ..24) => true,
            (ManagementMode::DeviceAdmin, 24..30) => !is_clear && self.password.is_none(),
            (ManagementMode::DeviceAdmin, 30..) => false,
            (_, 24..26) => self.unlocked_since_boot && !(is_clear && self.managed_profile),
            (_, 26..) => false,
        };
        is_allowed && self.agent_sets_password(password, options)
    }

    /// `resetPasswordWithToken`. An empty password clears it.
    pub fn reset_password_with_token(
        &mut self,
        password: &str,
        token: &[u8],
        options: ResetOptions,
    ) -> bool {
        let is_ours = self.token.as_ref().is_some_and(|set| {
            set.is_active && set.verifier == verifier(self.lock_key.as_bytes(), token)
        });
        self.has_reset_tokens()
            && is_ours
            && !self.other_admin_entry_pending
            && self.agent_sets_password(password, options)
    }

    /// `lockNow`.
    pub fn lock_now(&mut self) {
        self.lock();
    }

    fn agent_sets_password(&mut self, password: &str, options: ResetOptions) -> bool {
        let metrics = Metrics::of(password);
        let is_accepted = password.is_empty() || metrics.is_accepted();
        if !self.secure_lock_screen || !is_accepted || self.check_policies(&metrics).is_err() {
            return false;
        }
        self.store_password(password);
        self.agent_resets += 1;
        if !password.is_empty() {
            self.entry_required = options.contains(ResetOptions::REQUIRE_ENTRY);
            let is_owner = self.management_mode == ManagementMode::DeviceOwner;
            if options.contains(ResetOptions::NO_CREDENTIALS_ON_BOOT)
                && is_owner
                && self.api_level >= 23
            {
                self.credentials_on_boot = false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ManagementMode::{DeviceAdmin, DeviceOwner, ProfileOwner};
    use mdm_contract::{Complexity, Quality};

    const TOKEN: [u8; 32] = [1; 32];

    fn device(api_level: u32, mode: ManagementMode) -> Device {
        Device::new(api_level, mode, [7; 32])
    }

    fn with_password(api_level: u32, mode: ManagementMode) -> Device {
        let mut device = device(api_level, mode);
        device.user_sets_password("9876").unwrap();
        device
    }

    fn set(device: &mut Device) -> bool {
        device.reset_password("1234", ResetOptions::default())
    }

    fn clear(device: &mut Device) -> bool {
        device.reset_password("", ResetOptions::default())
    }

    fn set_with_token(device: &mut Device) -> bool {
        device.reset_password_with_token("1234", &TOKEN, ResetOptions::default())
    }

    fn strict() -> Policy {
        Policy {
            requirement: Requirement::Quality(Quality::Complex),
            minimum_length: 8,
        }
    }

    #[test]
    fn up_to_api_23_everyone_sets_changes_and_clears_what_meets_the_policy() {
        for api_level in 19..=23 {
            for mode in [DeviceAdmin, ProfileOwner, DeviceOwner] {
                assert!(set(&mut device(api_level, mode)));
                assert!(set(&mut with_password(api_level, mode)));
                assert!(clear(&mut with_password(api_level, mode)));
                let mut device = device(api_level, mode);
                assert!(device.set_policy(Some(strict())));
                assert!(!set(&mut device) && !clear(&mut device));
            }
        }
    }

    #[test]
    fn api_24_to_29_a_device_admin_sets_a_first_password_and_neither_changes_nor_clears() {
        for api_level in 24..=29 {
            assert!(set(&mut device(api_level, DeviceAdmin)));
            assert!(!set(&mut with_password(api_level, DeviceAdmin)));
            assert!(!clear(&mut device(api_level, DeviceAdmin)));
            assert!(!clear(&mut with_password(api_level, DeviceAdmin)));
        }
    }

    #[test]
    fn from_api_30_a_device_admin_gets_nothing() {
        for api_level in 30..=36 {
            assert!(!set(&mut device(api_level, DeviceAdmin)));
            assert!(!clear(&mut with_password(api_level, DeviceAdmin)));
        }
    }

    #[test]
    fn api_24_and_25_owners_need_an_unlocked_user_and_a_managed_profile_does_not_clear() {
        for api_level in 24..=25 {
            for mode in [DeviceOwner, ProfileOwner] {
                let mut device = with_password(api_level, mode);
                assert!(set(&mut device) && clear(&mut device));
                let mut device = with_password(api_level, mode);
                device.reboot();
                assert!(!set(&mut device) && !clear(&mut device));
            }
            let mut profile = with_password(api_level, ProfileOwner);
            profile.managed_profile = true;
            assert!(set(&mut profile) && !clear(&mut profile));
        }
    }

    #[test]
    fn from_api_26_owners_need_their_token() {
        for api_level in 26..=36 {
            for mode in [DeviceOwner, ProfileOwner] {
                let mut device = device(api_level, mode);
                assert!(!set(&mut device), "the old call no longer works");
                assert!(!set_with_token(&mut device), "no token is set");
                assert!(device.set_reset_password_token(&TOKEN));
                assert_eq!(device.is_reset_password_token_active(), Some(true));
                assert!(set_with_token(&mut device));
                device.user_sets_password("5555").unwrap();
                assert!(set_with_token(&mut device), "it outlasts the user's change");
                assert!(!device.reset_password_with_token(
                    "1234",
                    &[2; 32],
                    ResetOptions::default()
                ));
                assert!(device.reset_password_with_token("", &TOKEN, ResetOptions::default()));
                device.forget_token();
                assert!(!set_with_token(&mut device));
            }
        }
    }

    #[test]
    fn a_token_set_while_a_password_is_set_waits_for_the_user_and_a_reboot_loses_it() {
        let mut device = with_password(34, DeviceOwner);
        device.set_reset_password_token(&TOKEN);
        assert_eq!(device.is_reset_password_token_active(), Some(false));
        assert!(!set_with_token(&mut device));
        device.lock();
        device.unlock("9876").unwrap();
        assert!(set_with_token(&mut device));

        let mut device = with_password(34, DeviceOwner);
        device.set_reset_password_token(&TOKEN);
        device.reboot();
        assert_eq!(device.is_reset_password_token_active(), None);
        device.unlock("9876").unwrap();
        assert!(!set_with_token(&mut device));
    }

    #[test]
    fn a_user_who_changes_or_removes_the_password_has_entered_it_and_so_confirms_the_token() {
        let mut changed = with_password(34, DeviceOwner);
        changed.set_reset_password_token(&TOKEN);
        changed.user_sets_password("5555").unwrap();
        assert!(set_with_token(&mut changed));

        let mut removed = with_password(34, DeviceOwner);
        removed.set_reset_password_token(&TOKEN);
        removed.user_removes_password().unwrap();
        assert!(set_with_token(&mut removed));
    }

    #[test]
    fn a_policy_must_be_lifted_before_a_weaker_password_or_none() {
        let mut device = device(34, DeviceOwner);
        device.set_reset_password_token(&TOKEN);
        device.set_policy(Some(strict()));
        assert!(!set_with_token(&mut device));
        assert!(!device.reset_password_with_token("", &TOKEN, ResetOptions::default()));
        device.set_policy(None);
        assert!(set_with_token(&mut device));
        device.other_admin_policy = Some(strict());
        assert!(
            !set_with_token(&mut device),
            "another admin's can't be lifted"
        );
    }

    #[test]
    fn another_admins_password_that_waits_for_its_entry_stands_in_the_way() {
        let mut device = device(34, DeviceOwner);
        device.set_reset_password_token(&TOKEN);
        device.other_admin_resets_password("8642").unwrap();
        assert!(!set_with_token(&mut device));
        device.unlock("8642").unwrap();
        assert!(set_with_token(&mut device));
    }

    #[test]
    fn a_device_that_is_locked_since_its_boot_takes_a_password_by_token() {
        let mut device = device(34, DeviceOwner);
        device.set_reset_password_token(&TOKEN);
        assert!(set_with_token(&mut device));
        device.reboot();
        assert!(set_with_token(&mut device));
    }

    #[test]
    fn a_device_whose_escrow_tokens_are_disabled_takes_no_token() {
        let mut device = device(34, DeviceOwner);
        device.escrow_tokens = false;
        assert!(!device.set_reset_password_token(&TOKEN));
        assert!(!set_with_token(&mut device));
    }

    #[test]
    fn less_than_4_or_more_than_16_characters_are_no_password_whatever_the_policy() {
        let mut device = device(34, DeviceOwner);
        device.set_reset_password_token(&TOKEN);
        for password in ["123", "12345678901234567"] {
            assert!(!device.reset_password_with_token(password, &TOKEN, ResetOptions::default()));
        }
        assert!(device.reset_password_with_token("", &TOKEN, ResetOptions::default()));
    }

    #[test]
    fn without_a_secure_lock_screen_nothing_works() {
        for api_level in 19..=36 {
            for mode in [DeviceAdmin, ProfileOwner, DeviceOwner] {
                let mut device = device(api_level, mode);
                device.secure_lock_screen = false;
                device.set_reset_password_token(&TOKEN);
                assert!(!set(&mut device) && !clear(&mut device) && !set_with_token(&mut device));
            }
        }
    }

    #[test]
    fn a_complexity_replaces_a_quality_and_is_known_from_api_31() {
        let complexity = Policy {
            requirement: Requirement::Complexity(Complexity::High),
            minimum_length: 0,
        };
        let mut new = device(31, DeviceOwner);
        assert!(new.set_policy(Some(strict())) && new.set_policy(Some(complexity.clone())));
        assert_eq!(new.policy, Some(complexity.clone()));
        let mut old = device(30, DeviceOwner);
        assert!(old.set_policy(Some(strict())) && !old.set_policy(Some(complexity)));
        assert_eq!(old.policy, Some(strict()));
    }
}
