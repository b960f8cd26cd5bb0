//! Random passwords that follow the deployment's rule.

use crate::token::NoRandom;
use mdm_contract::{Characters, PasswordMetrics, PasswordRule};
use mdm_password_host::password::Password;
use zeroize::Zeroizing;

/// Maximum run of equal or evenly stepping characters: attackers try longer ones, such as 1234 or 8642, first.
const MAX_SEQUENCE: u32 = 3;

const DIGITS: &[u8] = b"0123456789";

/// Without look-alike characters.
const LETTERS_AND_DIGITS: &[u8] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ0123456789";

/// A random password of the rule's minimum length, uniform among all suitable ones.
pub fn random_password(rule: &PasswordRule) -> Result<Password, NoRandom> {
    let alphabet = match rule.characters {
        Characters::Digits => DIGITS,
        Characters::Alphanumeric => LETTERS_AND_DIGITS,
    };
    loop {
        let mut text = Zeroizing::new(String::new());
        for _ in 0..rule.minimum_length {
            text.push(char::from(one_of(alphabet)?));
        }
        let password = Password::new(text);
        if is_fit(&password, rule) {
            return Ok(password);
        }
    }
}

/// Returns `true` if a password is no obvious guess and a spreadsheet keeps it as it is. It would turn 0123 into 123,
/// and 1e23 into a number.
fn is_fit(password: &Password, rule: &PasswordRule) -> bool {
    let PasswordMetrics {
        length,
        digits,
        lower_case,
        upper_case,
        longest_sequence,
        ..
    } = password.metrics();
    let has_all = match rule.characters {
        Characters::Digits => true,
        // A single character can't be both.
        Characters::Alphanumeric => digits > 0 && (lower_case + upper_case > 0 || length < 2),
    };
    let is_shown_as_it_is = match rule.characters {
        Characters::Digits => !password.expose().starts_with('0'),
        Characters::Alphanumeric => password.expose().parse::<f64>().is_err() || length < 2,
    };
    let is_sequence = length > 2 && longest_sequence == length;
    has_all && is_shown_as_it_is && !is_sequence && longest_sequence <= MAX_SEQUENCE
}

/// A uniform choice: draws again instead of favouring some characters.
fn one_of(alphabet: &[u8]) -> Result<u8, NoRandom> {
    let limit = 256 - 256 % alphabet.len();
    loop {
        let mut drawn = [0];
        getrandom::fill(&mut drawn).map_err(NoRandom::from)?;
        if usize::from(drawn[0]) < limit {
            return Ok(alphabet[usize::from(drawn[0]) % alphabet.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_password_follows_the_rule_and_is_none_that_is_tried_first() {
        let rule = |characters, minimum_length| PasswordRule {
            characters,
            minimum_length,
            maximum_length: 16,
        };
        for rule in [
            PasswordRule::default(),
            rule(Characters::Digits, 1),
            rule(Characters::Digits, 16),
            rule(Characters::Alphanumeric, 1),
            rule(Characters::Alphanumeric, 2),
            rule(Characters::Alphanumeric, 8),
        ] {
            let mut firsts = std::collections::BTreeSet::new();
            for _ in 0..500 {
                let password = random_password(&rule).unwrap();
                let metrics = password.metrics();
                assert_eq!(metrics.length, rule.minimum_length);
                assert!(metrics.longest_sequence <= 3);
                if rule.characters == Characters::Digits {
                    assert_eq!(metrics.digits, metrics.length);
                    assert!(
                        !password.expose().starts_with('0'),
                        "a spreadsheet drops it"
                    );
                } else if metrics.length > 1 {
                    let letters = metrics.lower_case + metrics.upper_case;
                    assert!(metrics.digits > 0 && letters > 0);
                }
                firsts.insert(password.expose().chars().next());
            }
            assert!(firsts.len() >= 9, "{firsts:?}");
        }
    }
}
