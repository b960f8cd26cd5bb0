//! The choices of an implementation. The reference adds no rule of its own.

use crate::rules::{
    Situation,
    types::{PasswordMetrics, Refusal, Terms},
};

/// The refusal of a reset by an own rule: a stricter password rule, or `other` with a text. `guessability` asks the host
/// for that of the secret.
pub fn refusal(
    _situation: &Situation,
    _password: &PasswordMetrics,
    _guessability: impl FnOnce() -> u8,
) -> Option<Refusal> {
    None
}

/// The terms of a command. An implementation may set a validity where none was asked for.
pub fn terms(terms: Terms) -> Terms {
    terms
}
