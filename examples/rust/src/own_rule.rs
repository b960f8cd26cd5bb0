//! The rules of this company beyond the contract. Change them to yours.
//!
//! A plugin may ask more of passwords than the deployment's rule does, may choose when a command expires
//! that was given no validity, and may refuse a reset in its own words (`Refusal::Other`).

use crate::rules::{
    Situation,
    types::{PasswordFault, PasswordMetrics, Refusal, Terms},
};

/// The least number of characters.
const MIN_LENGTH: u32 = 8;

/// The least guessability, as zxcvbn has it: 3 is "safely unguessable". Passwords that are known from
/// breaches are below it.
const MIN_GUESSABILITY: u8 = 3;

/// The default validity of a command, in seconds.
const ONE_DAY: u64 = 24 * 3600;

/// Why a reset that the contract allows is refused all the same. The guessability is asked for only if
/// the password has passed so far: it takes a host most of a millisecond.
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

/// A command that was given no validity expires after a day.
pub fn terms(terms: Terms) -> Terms {
    Terms {
        valid_for: terms.valid_for.or(Some(ONE_DAY)),
        ..terms
    }
}
