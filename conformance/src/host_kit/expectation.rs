//! The expectation of a step.

use crate::judge::matches;
use serde::Deserialize;
use serde_json::Value;

/// The accepted answers to a step, and the required state after it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expectation {
    /// The accepted answers: `"ok"`, `"error"`, `"failed"`, or `{"returned": …}` with the required part.
    pub(super) answer: Vec<Value>,
    /// The required part of the state afterwards.
    #[serde(default)]
    pub(super) state: Value,
}

impl Expectation {
    /// Returns `true` if this is one of the accepted answers.
    pub(super) fn accepts(&self, answer: &Value) -> bool {
        self.answer.iter().any(|it| matches(it, answer))
    }

    /// Returns `true` if the state has the required part.
    pub(super) fn is_met_by(&self, state: &Value) -> bool {
        self.state.is_null() || matches(&self.state, state)
    }
}

/// An answer without its words: `{"failed": "it crashed"}` is `"failed"`.
pub(super) fn without_words(answer: &Value) -> Value {
    let is = |name: &str| answer.get(name).is_some();
    match ["ok", "error", "failed"].into_iter().find(|it| is(it)) {
        Some(name) => name.into(),
        None => answer.clone(),
    }
}

/// Returns `true` if a step with this answer may have changed the device: a function that accepted.
pub(super) fn may_change(answer: &Value) -> bool {
    answer.pointer("/returned/ok").is_some()
}
