//! Rule 1: the password rule for passwords that are set from the dashboard.

use super::types::{Characters, PasswordFault, PasswordMetrics, PasswordRule, Situation};

/// The effective rule: the deployment's, narrowed to the passwords that the device accepts. If both exclude each other,
/// its minimum is above its maximum.
pub fn effective_rule(situation: &Situation) -> PasswordRule {
    let (rule, accepted) = (
        &situation.deployment.password_rule,
        &situation.capabilities.passwords,
    );
    let accepted_minimum = match rule.characters {
        Characters::Digits => accepted.minimum_pin_length,
        Characters::Alphanumeric => accepted.minimum_length,
    };
    PasswordRule {
        characters: rule.characters,
        minimum_length: rule.minimum_length.max(accepted_minimum),
        maximum_length: rule.maximum_length.min(accepted.maximum_length),
    }
}

/// All faults of a password under a rule. Empty if it meets the rule.
pub fn faults(rule: &PasswordRule, password: &PasswordMetrics) -> Vec<PasswordFault> {
    let mut faults = Vec::new();
    if password.length < rule.minimum_length {
        faults.push(PasswordFault::TooShort(rule.minimum_length));
    }
    if password.length > rule.maximum_length {
        faults.push(PasswordFault::TooLong(rule.maximum_length));
    }
    match rule.characters {
        Characters::Digits => {
            if password.digits < password.length {
                faults.push(PasswordFault::NotOnlyDigits);
            }
        }
        Characters::Alphanumeric => {
            if password.lower_case + password.upper_case == 0 {
                faults.push(PasswordFault::NeedsLetter);
            }
            if password.digits == 0 {
                faults.push(PasswordFault::NeedsDigit);
            }
        }
    }
    faults
}

/// The strongest password that a rule allows. A policy that it does not meet is met by no password of the rule.
pub fn strongest(rule: &PasswordRule) -> PasswordMetrics {
    let length = rule.maximum_length;
    let one_each = u32::from(rule.characters == Characters::Alphanumeric);
    PasswordMetrics {
        length,
        lower_case: one_each,
        upper_case: 0,
        symbols: one_each,
        digits: length.saturating_sub(2 * one_each),
        others: 0,
        longest_sequence: length.min(1),
        longest_repeat: length.min(1),
        distinct: length,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::samples::{FOUR_DIGITS, metrics, situation};

    #[test]
    fn rule_1_four_digits_are_the_default_and_nothing_else_will_do() {
        assert_eq!(faults(&FOUR_DIGITS, &metrics("1234")), []);
        assert_eq!(
            faults(&FOUR_DIGITS, &metrics("123")),
            [PasswordFault::TooShort(4)]
        );
        assert_eq!(
            faults(&FOUR_DIGITS, &metrics("12345")),
            [PasswordFault::TooLong(4)]
        );
        assert_eq!(
            faults(&FOUR_DIGITS, &metrics("12a4")),
            [PasswordFault::NotOnlyDigits]
        );
        assert_eq!(
            faults(&FOUR_DIGITS, &metrics("")),
            [PasswordFault::TooShort(4)],
            "an empty password is no reset"
        );
        assert_eq!(
            faults(&FOUR_DIGITS, &metrics("١٢٣٤")),
            [PasswordFault::NotOnlyDigits],
            "digits of other scripts are none that a lock screen's PIN pad has"
        );
    }

    #[test]
    fn rule_1_a_deployment_may_ask_for_a_longer_pin() {
        let rule = PasswordRule {
            minimum_length: 6,
            maximum_length: 8,
            ..FOUR_DIGITS
        };
        assert_eq!(
            faults(&rule, &metrics("1234")),
            [PasswordFault::TooShort(6)]
        );
        assert_eq!(faults(&rule, &metrics("1234567")), []);
    }

    #[test]
    fn rule_1_a_deployment_may_ask_for_an_alphanumeric_password() {
        let rule = PasswordRule {
            characters: Characters::Alphanumeric,
            minimum_length: 8,
            maximum_length: 16,
        };
        assert_eq!(faults(&rule, &metrics("correct7horse!")), []);
        assert_eq!(
            faults(&rule, &metrics("correcthorse")),
            [PasswordFault::NeedsDigit]
        );
        assert_eq!(
            faults(&rule, &metrics("12345678")),
            [PasswordFault::NeedsLetter]
        );
        assert_eq!(
            faults(&rule, &metrics("--")),
            [
                PasswordFault::TooShort(8),
                PasswordFault::NeedsLetter,
                PasswordFault::NeedsDigit
            ],
            "every fault is named at once"
        );
    }

    #[test]
    fn rule_1_the_rule_is_narrowed_to_what_the_device_accepts() {
        let mut situation = situation();
        let lengths = |situation: &Situation| {
            let rule = effective_rule(situation);
            (rule.minimum_length, rule.maximum_length)
        };
        situation.deployment.password_rule.maximum_length = 8;
        situation.deployment.password_rule.minimum_length = 2;
        assert_eq!(
            lengths(&situation),
            (4, 8),
            "Android itself takes 4 or more"
        );
        situation.capabilities.passwords.minimum_pin_length = 6;
        assert_eq!(lengths(&situation), (6, 8));
        situation.deployment.password_rule.characters = Characters::Alphanumeric;
        situation.deployment.password_rule.maximum_length = 40;
        assert_eq!(lengths(&situation), (4, 16), "it is no PIN");
    }

    #[test]
    fn rule_1_no_password_meets_a_rule_that_the_device_excludes() {
        let mut situation = situation();
        situation.capabilities.passwords.minimum_pin_length = 6;
        let rule = effective_rule(&situation);
        let faults = faults(&rule, &strongest(&rule));
        assert_eq!(faults, [PasswordFault::TooShort(6)]);
    }
}
