//! Samples for the tests of the rules.

use super::{
    Situation,
    types::{
        Action, Characters, Command, Complexity, Condition, Device, ManagementMode,
        PasswordMetrics, PasswordRule, Policy, Quality, Requirement, ResetOptions, Status, Terms,
        TokenState,
    },
};

pub(crate) const FOUR_DIGITS: PasswordRule = PasswordRule {
    characters: Characters::Digits,
    minimum_length: 4,
    maximum_length: 4,
};
pub(crate) const NO_OPTIONS: ResetOptions = ResetOptions {
    lock_now: false,
    require_entry: false,
    no_credentials_on_boot: false,
};
pub(crate) const NO_TERMS: Terms = Terms {
    replaces: None,
    valid_for: None,
};

/// A device owner on Android 14, ready for a reset.
pub(crate) fn device() -> Device {
    Device {
        id: "0198c1de-0000-7000-8000-000000000001".into(),
        api_level: 34,
        agent_version: "6.9.0".into(),
        management_mode: ManagementMode::DeviceOwner,
        managed_profile: false,
        groups: vec![],
        condition: Condition {
            password_set: false,
            token: TokenState::Active,
            unlocked_since_boot: true,
            direct_boot_aware: true,
            secure_lock_screen: true,
            other_admin_entry_pending: false,
            other_admin_policy: None,
        },
        last_sync: 1_000,
        policy: None,
        policy_override: None,
    }
}

pub(crate) fn situation() -> Situation {
    Situation {
        device: device(),
        pending: None,
        password_rule: FOUR_DIGITS,
        now: 1_700_000_000_000,
    }
}

/// A pending reset.
pub(crate) fn command(id: &str) -> Command {
    Command {
        id: id.into(),
        action: Action::Reset,
        options: NO_OPTIONS,
        status: Status::Pending,
        requested_at: 0,
        completed_at: None,
        expires_at: None,
        late_outcome: None,
    }
}

pub(crate) fn quality(quality: Quality, minimum_length: u32) -> Policy {
    Policy {
        requirement: Requirement::Quality(quality),
        minimum_length,
    }
}

pub(crate) fn complexity(complexity: Complexity) -> Policy {
    Policy {
        requirement: Requirement::Complexity(complexity),
        minimum_length: 40,
    }
}

/// Measures an ASCII password as a host does.
pub(crate) fn metrics(password: &str) -> PasswordMetrics {
    let count = |is: fn(&char) -> bool| password.chars().filter(is).count() as u32;
    let steps: Vec<i32> = password
        .chars()
        .zip(password.chars().skip(1))
        .map(|(one, next)| next as i32 - one as i32)
        .collect();
    let longest = (0..steps.len())
        .map(|start| {
            steps[start..]
                .iter()
                .take_while(|step| **step == steps[start])
                .count()
                + 1
        })
        .max();
    PasswordMetrics {
        length: password.chars().count() as u32,
        digits: count(char::is_ascii_digit),
        lower_case: count(char::is_ascii_lowercase),
        upper_case: count(char::is_ascii_uppercase),
        symbols: count(|c| c.is_ascii() && !c.is_ascii_alphanumeric()),
        others: count(|c| !c.is_ascii()),
        longest_sequence: longest.unwrap_or(password.len().min(1)) as u32,
    }
}
