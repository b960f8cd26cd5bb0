//! A password in the host's memory: from the request that brought it to its sealing.

use mdm_contract::decisions::PasswordMetrics;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

/// A password in plaintext. It is wiped when dropped, can't be printed or serialised, and is never
/// given to a plugin.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes a password over.
    pub fn new(plaintext: Zeroizing<String>) -> Self {
        Self(plaintext)
    }

    /// The plaintext, for sealing.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The metrics that a plugin may learn.
    pub fn metrics(&self) -> PasswordMetrics {
        let mut metrics = PasswordMetrics {
            length: 0,
            digits: 0,
            lower_case: 0,
            upper_case: 0,
            symbols: 0,
            others: 0,
            longest_sequence: longest_sequence(self.0.chars()),
        };
        for character in self.0.chars() {
            metrics.length += 1;
            *match character {
                '0'..='9' => &mut metrics.digits,
                'a'..='z' => &mut metrics.lower_case,
                'A'..='Z' => &mut metrics.upper_case,
                ' '..='~' => &mut metrics.symbols,
                _ => &mut metrics.others,
            } += 1;
        }
        metrics
    }

    /// The guessability, from 0 (at once) to 4 (very unguessable).
    pub fn guessability(&self) -> u8 {
        // zxcvbn's cost grows with the length; longer passwords have the highest score anyway.
        let start: Zeroizing<String> = Zeroizing::new(self.0.chars().take(72).collect());
        zxcvbn::zxcvbn(&start, &[]).score().into()
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
            password("aB3! é1").metrics(),
            PasswordMetrics {
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
            assert_eq!(password(text).metrics().longest_sequence, longest, "{text}");
        }
    }

    #[test]
    fn guessability_tells_a_guessable_password_from_a_good_one() {
        assert_eq!(password("password1").guessability(), 0);
        assert_eq!(password("vE9#kq0LzP2w!xT7").guessability(), 4);
    }
}
