//! A password in the host's memory: from the request that brought it to its sealing.

use crate::token::NoRandom;
use mdm_wire::decisions::{Characters, Measure, PasswordRule};
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

/// A password in plaintext. It is wiped when dropped, can't be printed or serialised, and is never
/// given to a plugin.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

/// A longer run of equal or evenly stepping characters, such as 1234 or 8642, is what is tried first.
const LONGEST_SEQUENCE: u32 = 3;

const DIGITS: &[u8] = b"0123456789";

/// Without those that look like others.
const LETTERS_AND_DIGITS: &[u8] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ0123456789";

impl Password {
    /// A random password of the shortest length that a rule allows, each that is fit as likely as the others.
    pub fn random(rule: &PasswordRule) -> Result<Self, NoRandom> {
        let alphabet = match rule.characters {
            Characters::Digits => DIGITS,
            Characters::Alphanumeric => LETTERS_AND_DIGITS,
        };
        loop {
            let mut text = Zeroizing::new(String::new());
            for _ in 0..rule.minimum_length {
                text.push(char::from(one_of(alphabet)?));
            }
            let password = Self(text);
            if password.is_fit(rule) {
                return Ok(password);
            }
        }
    }

    /// Whether a random password is one that is not tried first, and that a spreadsheet shows as it is: 0123 would
    /// become 123 there, and 1e23 a larger number.
    fn is_fit(&self, rule: &PasswordRule) -> bool {
        let Measure {
            length,
            digits,
            lower_case,
            upper_case,
            longest_sequence,
            ..
        } = self.measure();
        let has_all = match rule.characters {
            Characters::Digits => true,
            // One character can't be both.
            Characters::Alphanumeric => digits > 0 && (lower_case + upper_case > 0 || length < 2),
        };
        let is_shown_as_it_is = match rule.characters {
            Characters::Digits => !self.0.starts_with('0'),
            Characters::Alphanumeric => self.0.parse::<f64>().is_err() || length < 2,
        };
        let is_sequence = length > 2 && longest_sequence == length;
        has_all && is_shown_as_it_is && !is_sequence && longest_sequence <= LONGEST_SEQUENCE
    }
    /// Takes a password over.
    pub fn new(plaintext: Zeroizing<String>) -> Self {
        Self(plaintext)
    }

    /// The plaintext, for sealing.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What a plugin may learn of it.
    pub fn measure(&self) -> Measure {
        let mut measure = Measure {
            length: 0,
            digits: 0,
            lower_case: 0,
            upper_case: 0,
            symbols: 0,
            others: 0,
            longest_sequence: longest_sequence(self.0.chars()),
        };
        for character in self.0.chars() {
            measure.length += 1;
            *match character {
                '0'..='9' => &mut measure.digits,
                'a'..='z' => &mut measure.lower_case,
                'A'..='Z' => &mut measure.upper_case,
                ' '..='~' => &mut measure.symbols,
                _ => &mut measure.others,
            } += 1;
        }
        measure
    }

    /// How guessable it is, from 0 (at once) to 4 (very unguessable).
    pub fn guessability(&self) -> u8 {
        // zxcvbn's cost grows with the length; nobody guesses what is longer than that anyhow.
        let start: Zeroizing<String> = Zeroizing::new(self.0.chars().take(72).collect());
        zxcvbn::zxcvbn(&start, &[]).score().into()
    }
}

/// Each as likely as the others: what would favour some is drawn again.
fn one_of(alphabet: &[u8]) -> Result<u8, NoRandom> {
    let most = 256 - 256 % alphabet.len();
    loop {
        let mut drawn = [0];
        getrandom::fill(&mut drawn).map_err(NoRandom::from)?;
        if usize::from(drawn[0]) < most {
            return Ok(alphabet[usize::from(drawn[0]) % alphabet.len()]);
        }
    }
}

/// The length of the longest run of equal or evenly stepping characters, as Android's
/// `PasswordMetrics.maxLengthSequence`: 4 for 1111, 1234 and 2468.
fn longest_sequence(characters: impl Iterator<Item = char>) -> u32 {
    let mut longest = 0;
    let mut run = 0;
    let mut step = None;
    let mut last: Option<char> = None;
    for character in characters {
        let this_step =
            last.map(|last| i64::from(u32::from(character)) - i64::from(u32::from(last)));
        run = match (this_step, step) {
            (None, _) => 1,
            (Some(this), Some(before)) if this == before => run + 1,
            (Some(_), _) => 2,
        };
        step = this_step;
        last = Some(character);
        longest = longest.max(run);
    }
    longest
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Zeroizing::<String>::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::new(Zeroizing::new(text.to_owned()))
    }

    #[test]
    fn a_password_is_measured_by_its_characters() {
        assert_eq!(
            password("aB3! é1").measure(),
            Measure {
                length: 7,
                digits: 2,
                lower_case: 1,
                upper_case: 1,
                symbols: 2,
                others: 1,
                longest_sequence: 2,
            }
        );
    }

    #[test]
    fn the_longest_sequence_is_that_of_androids_password_metrics() {
        for (text, longest) in [
            ("", 0),
            ("7", 1),
            ("1234", 4),
            ("1111", 4),
            ("2468", 4),
            ("4321", 4),
            ("1235", 3),
            ("1212", 2),
            ("991234", 4),
            ("abcd", 4),
        ] {
            assert_eq!(password(text).measure().longest_sequence, longest, "{text}");
        }
    }

    #[test]
    fn guessability_tells_a_guessable_password_from_a_good_one() {
        assert_eq!(password("password1").guessability(), 0);
        assert_eq!(password("vE9#kq0LzP2w!xT7").guessability(), 4);
    }

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
                let password = Password::random(&rule).unwrap();
                let measure = password.measure();
                assert_eq!(measure.length, rule.minimum_length);
                assert!(measure.longest_sequence <= 3);
                if rule.characters == Characters::Digits {
                    assert_eq!(measure.digits, measure.length);
                    assert!(
                        !password.expose().starts_with('0'),
                        "a spreadsheet drops it"
                    );
                } else if measure.length > 1 {
                    let letters = measure.lower_case + measure.upper_case;
                    assert!(measure.digits > 0 && letters > 0);
                }
                firsts.insert(password.expose().chars().next());
            }
            assert!(firsts.len() >= 9, "{firsts:?}");
        }
    }
}
