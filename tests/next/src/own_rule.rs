//! The choices of an implementation. The reference adds no rule of its own.

use crate::rules::{
    Situation,
    types::{PasswordMetrics, Refusal, Terms},
};

/// Why a reset that the contract allows is refused all the same: a password that is too weak for this
/// implementation, or any other rule, in its own words. `guessability` asks the host for the secret's.
pub fn refusal(
    _situation: &Situation,
    _password: &PasswordMetrics,
    _guessability: impl FnOnce() -> u8,
) -> Option<Refusal> {
    None
}

/// The terms of a command: one that was given no validity may be given one.
pub fn terms(terms: Terms) -> Terms {
    terms
}
