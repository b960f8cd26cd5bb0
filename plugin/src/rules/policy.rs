//! Rules 6 to 8: the state of a policy, the offer of a remove, and the requirements of a policy on a password (sources:
//! Android's `DevicePolicyManager.setPasswordQuality` and `setRequiredPasswordComplexity`).

use super::types::{
    Complexity, Device, PasswordMetrics, Policy, PolicyState, Quality, Requirement,
};

/// Digits in a row that are a sequence too long for `numeric-complex` and for a PIN of a complexity.
const MAX_SEQUENCE: u32 = 3;

/// Rule 6: from the success of a reset until that of a remove, the policy is overridden.
pub fn policy_state(device: &Device) -> PolicyState {
    match (&device.policy_override, &device.policy) {
        (Some(policy_override), _) => PolicyState::Overridden(policy_override.clone()),
        (None, Some(_)) => PolicyState::Enforced,
        (None, None) => PolicyState::None,
    }
}

/// Rule 7: a remove is offered if the password was set from the dashboard, or a policy was applied.
pub fn remove_offered(device: &Device) -> bool {
    device.policy_override.is_some() || device.policy.is_some()
}

/// Returns `true` if the policy requires a password.
pub fn asks_for_password(policy: &Policy) -> bool {
    match policy.requirement {
        Requirement::Quality(quality) => quality != Quality::Unspecified,
        Requirement::Complexity(complexity) => complexity != Complexity::None,
    }
}

/// Returns `true` if the password meets the policy.
pub fn is_met(policy: &Policy, password: &PasswordMetrics) -> bool {
    if !asks_for_password(policy) {
        return true;
    }
    let letters = password.lower_case + password.upper_case;
    // Android counts everything except the letters a–z and digits as a symbol.
    let symbols = password.symbols + password.others;
    let is_pin = password.length > 0 && password.digits == password.length;
    let is_sequence = is_pin && password.longest_sequence > MAX_SEQUENCE;
    let at_least = |length| password.length >= length;
    match policy.requirement {
        Requirement::Quality(quality) => {
            let heeds_length = !matches!(quality, Quality::Unspecified | Quality::Something);
            let is_of_quality = match quality {
                Quality::Unspecified => true,
                Quality::Something | Quality::Numeric => at_least(1),
                Quality::NumericComplex => at_least(1) && !is_sequence,
                Quality::Alphabetic => letters > 0,
                Quality::Alphanumeric => letters > 0 && password.digits > 0,
                Quality::Complex => letters > 0 && password.digits > 0 && symbols > 0,
            };
            is_of_quality && (!heeds_length || at_least(policy.minimum_length))
        }
        Requirement::Complexity(complexity) => match complexity {
            Complexity::None => true,
            Complexity::Low => at_least(1),
            Complexity::Medium => at_least(4) && !is_sequence,
            Complexity::High => at_least(if is_pin { 8 } else { 6 }) && !is_sequence,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        bindings::mdm::password::types::PolicyOverride,
        rules::samples::{complexity, device, metrics, quality},
    };

    #[test]
    fn rule_6_a_policy_is_overridden_from_a_reset_until_a_remove() {
        let mut device = device();
        assert_eq!(policy_state(&device), PolicyState::None);
        device.policy = Some(quality(Quality::Complex, 8));
        assert_eq!(policy_state(&device), PolicyState::Enforced);
        let by_reset = PolicyOverride {
            command: "a".into(),
            since: 7,
        };
        device.policy_override = Some(by_reset.clone());
        assert_eq!(policy_state(&device), PolicyState::Overridden(by_reset));
    }

    #[test]
    fn rule_7_a_remove_is_offered_only_after_a_reset_or_with_a_policy() {
        let mut device = device();
        assert!(!remove_offered(&device));
        device.policy = Some(quality(Quality::Numeric, 4));
        assert!(remove_offered(&device));
        device.policy = None;
        device.policy_override = Some(PolicyOverride {
            command: "a".into(),
            since: 7,
        });
        assert!(remove_offered(&device));
    }

    #[test]
    fn a_quality_is_met_as_android_measures_it() {
        for (policy, meets, fails) in [
            (quality(Quality::Unspecified, 9), vec!["", "1"], vec![]),
            (quality(Quality::Something, 9), vec!["1", "a"], vec![""]),
            (
                quality(Quality::Numeric, 4),
                vec!["1234", "abcd"],
                vec!["123", ""],
            ),
            (
                quality(Quality::NumericComplex, 4),
                vec!["1359246", "1235", "aaaa"],
                vec!["1234", "4444", "2468"],
            ),
            (
                quality(Quality::Alphabetic, 4),
                vec!["abcd", "1a23"],
                vec!["1234", "abc"],
            ),
            (
                quality(Quality::Alphanumeric, 4),
                vec!["abc1"],
                vec!["abcd", "1234"],
            ),
            (
                quality(Quality::Complex, 4),
                vec!["abc1!", "abc1é"],
                vec!["abc1", "ab1"],
            ),
        ] {
            for password in meets {
                assert!(is_met(&policy, &metrics(password)), "{password} {policy:?}");
            }
            for password in fails {
                assert!(
                    !is_met(&policy, &metrics(password)),
                    "{password} {policy:?}"
                );
            }
        }
    }

    #[test]
    fn a_complexity_is_met_as_android_measures_it_whatever_the_minimum_length() {
        for (policy, meets, fails) in [
            (complexity(Complexity::None), vec![""], vec![]),
            (complexity(Complexity::Low), vec!["1"], vec![""]),
            (
                complexity(Complexity::Medium),
                vec!["1235", "abcd"],
                vec!["1234", "123", "abc"],
            ),
            (
                complexity(Complexity::High),
                vec!["13592467", "abcdef"],
                vec!["12345678", "135924", "abcde"],
            ),
        ] {
            for password in meets {
                assert!(is_met(&policy, &metrics(password)), "{password} {policy:?}");
            }
            for password in fails {
                assert!(
                    !is_met(&policy, &metrics(password)),
                    "{password} {policy:?}"
                );
            }
        }
    }
}
