//! A password in the host's memory: from the request that brought it to its sealing.

use mdm_contract::PasswordMetrics;
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
            longest_repeat: longest_repeat(self.0.chars()),
            distinct: distinct(self.0.chars()),
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

/// The length of the longest sequence, by the algorithm of Android's `PasswordMetrics.maxLengthSequence`: neighbours of
/// one class differ by one constant step, of at most 10 for digits, 1 for letters a–z or A–Z, and 0 for all else.
fn longest_sequence(characters: impl Iterator<Item = char>) -> u32 {
    let mut longest = 0;
    let mut run: u32 = 0;
    let mut step = None;
    let mut last: Option<char> = None;
    for character in characters {
        let stepped = last.and_then(|last| step_between(last, character));
        run = match (stepped, step) {
            (None, _) => 1,
            (Some(_), None) => run + 1,
            (Some(this), Some(before)) if this == before => run + 1,
            (Some(_), Some(_)) => 2,
        };
        step = stepped;
        last = Some(character);
        longest = longest.max(run);
    }
    longest
}

/// The step between two neighbours of a sequence. `None` if they can't be of one.
fn step_between(one: char, next: char) -> Option<i64> {
    let class = |character: char| match character {
        '0'..='9' => 10,
        'a'..='z' | 'A'..='Z' => 1,
        _ => 0,
    };
    let is_one_class =
        class(one) == class(next) && one.is_ascii_lowercase() == next.is_ascii_lowercase();
    let step = i64::from(u32::from(next)) - i64::from(u32::from(one));
    (is_one_class && step.abs() <= class(one)).then_some(step)
}

/// The length of the longest run of one character.
fn longest_repeat(characters: impl Iterator<Item = char>) -> u32 {
    let mut longest = 0;
    let mut run: u32 = 0;
    let mut last = None;
    for character in characters {
        run = if last == Some(character) { run + 1 } else { 1 };
        last = Some(character);
        longest = longest.max(run);
    }
    longest
}

/// The number of different characters, by comparison: a set would leave copies of them in memory.
fn distinct(characters: impl Iterator<Item = char> + Clone) -> u32 {
    let is_first = |(place, character): &(usize, char)| {
        !characters.clone().take(*place).any(|it| it == *character)
    };
    characters.clone().enumerate().filter(is_first).count() as u32
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
                longest_sequence: 1,
                longest_repeat: 1,
                distinct: 7,
            }
        );
    }

    #[test]
    fn the_longest_sequence_is_that_of_androids_password_metrics() {
        // The vectors of AOSP's PasswordMetricsTest.testMaxLengthSequence, and further ones.
        for (text, longest) in [
            ("1234", 4),
            ("13579", 5),
            ("1234abd", 4),
            ("aabc", 3),
            ("qwertyuio", 1),
            ("@ABC", 3),
            (";;;;", 4),
            (":;<=>", 1),
            ("", 0),
            ("7", 1),
            ("1111", 4),
            ("2468", 4),
            ("4321", 4),
            ("1235", 3),
            ("1212", 2),
            ("991234", 4),
            ("abcd", 4),
            ("aceg", 1),
            ("9:", 1),
            ("éé", 2),
            ("éê", 1),
            ("xyZA", 2),
        ] {
            assert_eq!(password(text).metrics().longest_sequence, longest, "{text}");
        }
    }

    #[test]
    fn repeats_and_different_characters_are_counted() {
        for (text, longest_repeat, distinct) in [
            ("", 0, 0),
            ("a1112", 3, 3),
            ("1234", 1, 4),
            ("aaaa", 4, 1),
            ("abab", 1, 2),
            ("éé1", 2, 2),
        ] {
            let metrics = password(text).metrics();
            let found = (metrics.longest_repeat, metrics.distinct);
            assert_eq!(found, (longest_repeat, distinct), "{text}");
        }
    }

    #[test]
    fn guessability_tells_a_guessable_password_from_a_good_one() {
        assert_eq!(password("password1").guessability(), 0);
        assert_eq!(password("vE9#kq0LzP2w!xT7").guessability(), 4);
    }
}
