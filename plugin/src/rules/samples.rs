//! Samples for the tests of the rules.

use super::types::{
    AcceptedPasswords, Action, Capabilities, Characters, Command, Complexity, Condition,
    Deployment, Device, ManagementMode, Ownership, PasswordMetrics, PasswordRule, Policy, Quality,
    Request, Requirement, ResetOptions, Situation, Status, TokenState,
};

pub(crate) const FOUR_DIGITS: PasswordRule = PasswordRule {
    characters: Characters::Digits,
    minimum_length: 4,
    maximum_length: 4,
};

/// A request without options.
pub(crate) fn request() -> Request {
    Request {
        options: ResetOptions::empty(),
        replaces: None,
        valid_for: None,
        reason: None,
        requester: None,
    }
}

/// A device owner on Android 14, ready for a reset.
pub(crate) fn device() -> Device {
    Device {
        id: "0198c1de-0000-7000-8000-000000000001".into(),
        api_level: 34,
        agent_version: "6.9.0".into(),
        management_mode: ManagementMode::DeviceOwner,
        managed_profile: false,
        ownership: Ownership::Company,
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
        latest: None,
        deployment: Deployment {
            password_rule: FOUR_DIGITS,
            minimum_agent_version: "6.9.0".into(),
        },
        capabilities: Capabilities {
            options: ResetOptions::all(),
            expiry: true,
            passwords: AcceptedPasswords {
                minimum_pin_length: 4,
                minimum_length: 4,
                maximum_length: 16,
            },
        },
        online: true,
        now: 1_700_000_000_000,
        password: None,
    }
}

/// A pending reset.
pub(crate) fn command(id: &str) -> Command {
    Command {
        id: id.into(),
        action: Action::Reset,
        options: ResetOptions::empty(),
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

/// Measures a password of digits as a host does. (The rules use sequences of digits only.)
pub(crate) fn metrics(password: &str) -> PasswordMetrics {
    let count = |is: fn(&char) -> bool| password.chars().filter(is).count() as u32;
    let characters: Vec<char> = password.chars().collect();
    let longest = |is_next: fn(i32, i32) -> bool| {
        let mut longest = characters.len().min(1);
        for start in 0..characters.len() {
            let steps: Vec<i32> = characters[start..]
                .windows(2)
                .map(|pair| pair[1] as i32 - pair[0] as i32)
                .collect();
            let run = steps.iter().take_while(|step| is_next(**step, steps[0]));
            longest = longest.max(run.count() + 1);
        }
        longest as u32
    };
    let mut distinct = characters.clone();
    distinct.sort_unstable();
    distinct.dedup();
    PasswordMetrics {
        length: password.chars().count() as u32,
        digits: count(char::is_ascii_digit),
        lower_case: count(char::is_ascii_lowercase),
        upper_case: count(char::is_ascii_uppercase),
        symbols: count(|c| c.is_ascii() && !c.is_ascii_alphanumeric()),
        others: count(|c| !c.is_ascii()),
        longest_sequence: longest(|step, first| step == first),
        longest_repeat: longest(|step, _| step == 0),
        distinct: distinct.len() as u32,
    }
}
