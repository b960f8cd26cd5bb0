//! Rule 1: the password rule for passwords that are set from the dashboard.

use super::types::{Characters, PasswordFault, PasswordMetrics, PasswordRule};

/// All faults of a password under the deployment's rule. Empty if it meets the rule.
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::samples::{FOUR_DIGITS, metrics};

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
}
