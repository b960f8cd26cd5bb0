//! The password of a lock screen: a verifier that only this device can check, and its metrics.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use hmac::{Hmac, KeyInit as _, Mac as _};
use mdm_contract::{AcceptedPasswords, Complexity, Policy, Quality, Requirement};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// The metrics that Android keeps of a password (`PasswordMetrics`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metrics {
    /// In characters.
    pub length: u32,
    /// Letters a–z and A–Z; others are symbols to Android.
    pub letters: u32,
    /// Digits 0–9.
    pub digits: u32,
    /// Everything else.
    pub symbols: u32,
    /// The longest sequence of a PIN (`maxLengthSequence`). Of other passwords it is not used.
    pub longest_sequence: u32,
}

impl Metrics {
    /// Measures a password.
    pub fn of(password: &str) -> Self {
        let characters: Vec<char> = password.chars().collect();
        let count = |is: fn(&&char) -> bool| characters.iter().filter(is).count() as u32;
        let letters = count(|c| c.is_ascii_alphabetic());
        let digits = count(|c| c.is_ascii_digit());
        let length = characters.len() as u32;
        Self {
            length,
            letters,
            digits,
            symbols: length - letters - digits,
            longest_sequence: longest_sequence(&characters),
        }
    }

    /// Returns `true` if Android accepts the length, whatever the policy (`LockPatternUtils.MIN_LOCK_PASSWORD_SIZE`,
    /// `DevicePolicyManager.getPasswordMaximumLength`).
    pub fn is_accepted(&self) -> bool {
        let accepted = AcceptedPasswords::ANDROID;
        (accepted.minimum_length..=accepted.maximum_length).contains(&self.length)
    }

    /// Returns `true` if the password meets a policy.
    pub fn meets(&self, policy: &Policy) -> bool {
        let is_pin = self.length > 0 && self.digits == self.length;
        let is_orderly = is_pin && self.longest_sequence > 3;
        let is_long_enough = self.length >= policy.minimum_length;
        match policy.requirement {
            Requirement::Quality(quality) => match quality {
                Quality::Unspecified => true,
                Quality::Something => self.length > 0,
                Quality::Numeric => self.length > 0 && is_long_enough,
                Quality::NumericComplex => self.length > 0 && !is_orderly && is_long_enough,
                Quality::Alphabetic => self.letters > 0 && is_long_enough,
                Quality::Alphanumeric => self.letters > 0 && self.digits > 0 && is_long_enough,
                Quality::Complex => {
                    self.letters > 0 && self.digits > 0 && self.symbols > 0 && is_long_enough
                }
            },
            Requirement::Complexity(complexity) => match complexity {
                Complexity::None => true,
                Complexity::Low => self.length > 0,
                Complexity::Medium => self.length >= 4 && !is_orderly,
                Complexity::High => self.length >= if is_pin { 8 } else { 6 } && !is_orderly,
            },
        }
    }
}

fn longest_sequence(characters: &[char]) -> u32 {
    let steps: Vec<i64> = characters
        .windows(2)
        .map(|pair| i64::from(u32::from(pair[1])) - i64::from(u32::from(pair[0])))
        .collect();
    let longest_run = steps
        .chunk_by(|one, next| one == next)
        .map(|run| run.len() + 1)
        .max();
    longest_run.unwrap_or(characters.len()) as u32
}

/// The stored form of a password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredPassword {
    verifier: String,
    /// Its metrics.
    pub metrics: Metrics,
}

impl StoredPassword {
    /// Stores a password. `key` stands for the lock hardware's key, without which the verifier is useless.
    pub fn new(key: &[u8], password: &str) -> Self {
        Self {
            verifier: verifier(key, password),
            metrics: Metrics::of(password),
        }
    }

    /// Returns `true` if this is the password.
    pub fn is(&self, key: &[u8], password: &str) -> bool {
        self.verifier == verifier(key, password)
    }
}

/// A keyed digest, in base64.
pub(super) fn verifier(key: &[u8], secret: impl AsRef<[u8]>) -> String {
    // HMAC takes keys of every length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return String::new();
    };
    mac.update(secret.as_ref());
    BASE64.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_is_a_run_of_equal_or_evenly_stepping_characters() {
        for (password, longest) in [
            ("", 0),
            ("1", 1),
            ("1234", 4),
            ("1111", 4),
            ("2468", 4),
            ("1357", 4),
            ("4321", 4),
            ("1235", 3),
            ("1212", 2),
            ("abcd9", 4),
        ] {
            assert_eq!(
                Metrics::of(password).longest_sequence,
                longest,
                "{password}"
            );
        }
    }

    #[test]
    fn a_letter_beyond_a_to_z_is_a_symbol() {
        let metrics = Metrics::of("äß1");
        assert_eq!(
            (metrics.letters, metrics.digits, metrics.symbols),
            (0, 1, 2)
        );
    }

    #[test]
    fn the_minimum_length_counts_with_a_quality_from_numeric_upward_and_not_with_a_complexity() {
        let policy = |requirement| Policy {
            requirement,
            minimum_length: 9,
        };
        let short = Metrics::of("a1!b2?");
        assert!(short.meets(&policy(Requirement::Quality(Quality::Something))));
        assert!(!short.meets(&policy(Requirement::Quality(Quality::Numeric))));
        assert!(!short.meets(&policy(Requirement::Quality(Quality::Complex))));
        assert!(short.meets(&policy(Requirement::Complexity(Complexity::High))));
    }

    #[test]
    fn only_the_password_itself_passes_and_what_is_kept_does_not_tell_it() {
        let stored = StoredPassword::new(b"key", "73945");
        assert!(stored.is(b"key", "73945"));
        assert!(!stored.is(b"key", "73946"));
        assert!(!stored.is(b"other key", "73945"));
        assert!(!serde_json::to_string(&stored).unwrap().contains("73945"));
    }
}
