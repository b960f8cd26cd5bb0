//! The simulated Android device: its state, and the actions of its user and other admins. [`policy_manager`] has the
//! calls of the agent.

pub mod password;
pub mod policy_manager;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use mdm_contract::{CommandId, ManagementMode, Ownership, Policy};
use password::{Metrics, StoredPassword};
use serde::{Deserialize, Serialize};

/// An Android device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// `Build.VERSION.SDK_INT`.
    pub api_level: u32,
    /// The management mode.
    pub management_mode: ManagementMode,
    /// For a profile owner: `true` if its profile is a managed (work) profile.
    pub managed_profile: bool,
    /// The owner of the device.
    pub ownership: Ownership,
    /// It can hold a reset token. Android destroys what it needs for that when a device without a manager gets a
    /// password; `setResetPasswordToken` then throws "Escrow token is disabled".
    pub escrow_tokens: bool,
    /// It has a secure lock screen.
    pub secure_lock_screen: bool,
    /// Stands for the key in the lock hardware, in base64.
    lock_key: String,
    /// The lock-screen password.
    password: Option<StoredPassword>,
    /// The lock screen is closed.
    pub locked: bool,
    /// The user has unlocked the device since it booted.
    pub unlocked_since_boot: bool,
    /// The password is required at boot.
    pub credentials_on_boot: bool,
    /// The policy that the agent enforces.
    pub policy: Option<Policy>,
    /// The policy that another admin enforces.
    pub other_admin_policy: Option<Policy>,
    /// Another admin's password waits for the user's entry.
    pub other_admin_entry_pending: bool,
    /// The agent's password waits for the user's entry.
    pub entry_required: bool,
    token: Option<StoredToken>,
    /// The number of all password changes. It stands for the broadcast `DeviceAdminReceiver.onPasswordChanged`, which
    /// Android delivers even to a killed agent.
    pub password_changes: u64,
    /// The number of changes by the agent.
    pub agent_resets: u64,
    /// The latest commands of these changes, in order. Android has no such list; tests compare it with the reports.
    #[serde(default)]
    pub changed_for: Vec<CommandId>,
}

/// The length of the device's list of commands.
const MAX_CHANGED_FOR: usize = 10_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct StoredToken {
    verifier: String,
    is_active: bool,
}

/// The error of an action of the user or of another admin.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum UserError {
    /// The lock screen is closed.
    #[error("the device is locked: unlock it first")]
    Locked,
    /// The wrong password was entered.
    #[error("the lock screen stays locked: wrong password")]
    WrongPassword,
    /// The device has no lock screen.
    #[error("the device has no secure lock screen")]
    NoSecureLockScreen,
    /// The password is empty.
    #[error("the password is empty: to have none, remove it")]
    Empty,
    /// Android itself takes no such password.
    #[error("the device refuses: a password has 4 to 16 characters")]
    NotAccepted,
    /// The password does not meet a policy.
    #[error("the device refuses: a policy asks for {0}")]
    PolicyViolation(Policy),
}

impl Device {
    /// A new device: switched on, without a password. `lock_key` must be random.
    pub fn new(api_level: u32, management_mode: ManagementMode, lock_key: [u8; 32]) -> Self {
        Self {
            api_level,
            management_mode,
            managed_profile: false,
            ownership: match management_mode {
                ManagementMode::DeviceOwner => Ownership::Company,
                ManagementMode::ProfileOwner | ManagementMode::DeviceAdmin => Ownership::Personal,
            },
            escrow_tokens: true,
            secure_lock_screen: true,
            lock_key: BASE64.encode(lock_key),
            password: None,
            locked: false,
            unlocked_since_boot: true,
            credentials_on_boot: true,
            policy: None,
            other_admin_policy: None,
            other_admin_entry_pending: false,
            entry_required: false,
            token: None,
            password_changes: 0,
            agent_resets: 0,
            changed_for: Vec::new(),
        }
    }

    /// The agent has changed the password for this command.
    pub fn list_change_for(&mut self, command: &CommandId) {
        self.changed_for.push(command.clone());
        if self.changed_for.len() > MAX_CHANGED_FOR {
            self.changed_for.remove(0);
        }
    }

    /// Returns `true` if a password is set.
    pub fn is_password_set(&self) -> bool {
        self.password.is_some()
    }

    /// Returns `true` if the user is prompted for a password: a policy is enforced, and the password, or its absence,
    /// does not meet it.
    pub fn is_user_prompted(&self) -> bool {
        let metrics = self
            .password
            .as_ref()
            .map_or(Metrics::of(""), |set| set.metrics);
        self.policies().any(|policy| !metrics.meets(policy))
    }

    /// The user sets a password. The device must be open, and the password meet every policy. To change
    /// one, Android's settings ask for the old one first, so that counts as its entry.
    pub fn user_sets_password(&mut self, password: &str) -> Result<(), UserError> {
        if self.locked {
            return Err(UserError::Locked);
        }
        self.check_new_password(password)?;
        self.note_entry();
        self.store_password(password);
        Ok(())
    }

    /// The user removes the password. The device must be open, and no policy ask for one. Android's
    /// settings ask for the old one first, so that counts as its entry.
    pub fn user_removes_password(&mut self) -> Result<(), UserError> {
        if self.locked {
            return Err(UserError::Locked);
        }
        self.check_policies(&Metrics::of(""))?;
        self.note_entry();
        self.store_password("");
        Ok(())
    }

    /// The user enters a password at the lock screen. That confirms a reset token, too.
    pub fn unlock(&mut self, entered: &str) -> Result<(), UserError> {
        let key = self.lock_key.clone();
        if self
            .password
            .as_ref()
            .is_some_and(|set| !set.is(key.as_bytes(), entered))
        {
            return Err(UserError::WrongPassword);
        }
        self.locked = false;
        self.unlocked_since_boot = true;
        self.note_entry();
        Ok(())
    }

    /// The screen is switched off.
    pub fn lock(&mut self) {
        self.locked = self.password.is_some();
    }

    /// The device is switched off and on. A token that the user had not confirmed is lost.
    pub fn reboot(&mut self) {
        self.locked = self.password.is_some();
        self.unlocked_since_boot = self.password.is_none();
        if self.token.as_ref().is_some_and(|token| !token.is_active) {
            self.token = None;
        }
    }

    /// Another admin sets a password that meets every policy, with "require entry".
    pub fn other_admin_resets_password(&mut self, password: &str) -> Result<(), UserError> {
        self.check_new_password(password)?;
        self.store_password(password);
        self.other_admin_entry_pending = true;
        Ok(())
    }

    /// The device forgets the agent's reset token.
    pub fn forget_token(&mut self) {
        self.token = None;
    }

    /// The user has entered the password: pending entries are done.
    fn note_entry(&mut self) {
        if self.password.is_none() {
            return;
        }
        self.entry_required = false;
        self.other_admin_entry_pending = false;
        if let Some(token) = &mut self.token {
            token.is_active = true;
        }
    }

    fn check_new_password(&self, password: &str) -> Result<(), UserError> {
        if !self.secure_lock_screen {
            return Err(UserError::NoSecureLockScreen);
        }
        if password.is_empty() {
            return Err(UserError::Empty);
        }
        let metrics = Metrics::of(password);
        if !metrics.is_accepted() {
            return Err(UserError::NotAccepted);
        }
        self.check_policies(&metrics)
    }

    fn policies(&self) -> impl Iterator<Item = &Policy> {
        self.policy.iter().chain(&self.other_admin_policy)
    }

    fn check_policies(&self, metrics: &Metrics) -> Result<(), UserError> {
        match self.policies().find(|policy| !metrics.meets(policy)) {
            Some(policy) => Err(UserError::PolicyViolation(policy.clone())),
            None => Ok(()),
        }
    }

    /// Sets the password, or with an empty one clears it.
    fn store_password(&mut self, password: &str) {
        self.password_changes += 1;
        if password.is_empty() {
            self.password = None;
            self.locked = false;
            self.unlocked_since_boot = true;
            self.entry_required = false;
            self.other_admin_entry_pending = false;
        } else {
            self.password = Some(StoredPassword::new(self.lock_key.as_bytes(), password));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mdm_contract::{Quality, Requirement};

    fn device() -> Device {
        Device::new(34, ManagementMode::DeviceOwner, [7; 32])
    }

    fn numeric(minimum_length: u32) -> Policy {
        Policy {
            requirement: Requirement::Quality(Quality::Numeric),
            minimum_length,
        }
    }

    #[test]
    fn the_lock_screen_opens_with_the_password_and_no_other() {
        let mut device = device();
        device.user_sets_password("1234").unwrap();
        device.lock();
        assert_eq!(device.unlock("4321"), Err(UserError::WrongPassword));
        assert!(device.locked);
        device.unlock("1234").unwrap();
        assert!(!device.locked);
    }

    #[test]
    fn tightening_a_policy_clears_no_password_and_prompts_the_user() {
        let mut device = device();
        device.user_sets_password("1234").unwrap();
        assert!(!device.is_user_prompted());
        device.policy = Some(numeric(6));
        assert!(device.is_password_set());
        assert!(device.is_user_prompted());
        assert_eq!(
            device.user_sets_password("9998"),
            Err(UserError::PolicyViolation(numeric(6)))
        );
        assert_eq!(
            device.user_removes_password(),
            Err(UserError::PolicyViolation(numeric(6)))
        );
        device.user_sets_password("135246").unwrap();
        assert!(!device.is_user_prompted());
    }

    #[test]
    fn an_empty_password_is_not_set_by_anyone_and_removes_none() {
        let mut device = device();
        device.user_sets_password("1234").unwrap();
        let before = device.clone();
        assert_eq!(device.user_sets_password(""), Err(UserError::Empty));
        assert_eq!(
            device.other_admin_resets_password(""),
            Err(UserError::Empty)
        );
        assert_eq!(device, before);
    }

    #[test]
    fn a_password_of_less_than_4_or_more_than_16_characters_is_set_by_nobody_whatever_the_policy() {
        let mut device = device();
        for password in ["1", "123", "12345678901234567"] {
            let refused = Err(UserError::NotAccepted);
            assert_eq!(device.user_sets_password(password), refused);
            assert_eq!(device.other_admin_resets_password(password), refused);
        }
        device.user_sets_password("1234").unwrap();
    }

    #[test]
    fn without_a_secure_lock_screen_nobody_sets_a_password() {
        let mut device = device();
        device.secure_lock_screen = false;
        let refused = Err(UserError::NoSecureLockScreen);
        assert_eq!(device.user_sets_password("1234"), refused);
        assert_eq!(device.other_admin_resets_password("1234"), refused);
        assert!(!device.is_password_set());
    }

    #[test]
    fn a_reboot_locks_a_device_that_has_a_password_and_only_that() {
        let mut device = device();
        device.reboot();
        assert!(device.unlocked_since_boot && !device.locked);
        device.user_sets_password("1234").unwrap();
        device.reboot();
        assert!(!device.unlocked_since_boot && device.locked);
        device.unlock("1234").unwrap();
        assert!(device.unlocked_since_boot);
    }
}
