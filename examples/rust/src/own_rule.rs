//! The rules of this company beyond the contract. Change them to yours.
//!
//! A plugin may have a stricter password rule than the deployment, may choose the expiry of a command without a validity,
//! and may refuse a reset in its own words (`Refusal::Other`).

use crate::rules::{
    Situation,
    types::{PasswordFault, PasswordMetrics, Refusal, Terms},
};

/// Minimum length in characters.
const MIN_LENGTH: u32 = 8;

/// Minimum zxcvbn score: 3 is "safely unguessable". Passwords known from breaches score lower.
const MIN_GUESSABILITY: u8 = 3;

/// The default validity of a command, in seconds.
const ONE_DAY: u64 = 24 * 3600;

/// The refusal of a reset by an own rule. The guessability is read last: it takes a host up to a millisecond.
pub fn refusal(
    _situation: &Situation,
    password: &PasswordMetrics,
    guessability: impl FnOnce() -> u8,
) -> Option<Refusal> {
    let mut faults = Vec::new();
    if password.length < MIN_LENGTH {
        faults.push(PasswordFault::TooShort(MIN_LENGTH));
    }
    if password.lower_case + password.upper_case == 0 {
        faults.push(PasswordFault::NeedsLetter);
    }
    if password.digits == 0 {
        faults.push(PasswordFault::NeedsDigit);
    }
    if faults.is_empty() && guessability() < MIN_GUESSABILITY {
        faults.push(PasswordFault::Guessable);
    }
    (!faults.is_empty()).then_some(Refusal::PasswordRefused(faults))
}

/// A command without a validity expires after a day.
pub fn terms(terms: Terms) -> Terms {
    Terms {
        valid_for: terms.valid_for.or(Some(ONE_DAY)),
        ..terms
    }
}
