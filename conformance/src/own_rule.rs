//! Own rules of a plugin: refusals that the contract allows but does not require.

use super::{
    call::{Answer, Call},
    judge::{Breach, matches, refusal},
    situation::Situation,
};
use mdm_password_host::Plugin;
use serde_json::{Value, json};

/// Returns `true` if an answer is a refusal by an own rule of the plugin. An own rule may refuse a request with
/// `other`; a reset also, if `may_refuse_password`, with a stricter password rule than the deployment's. The preview of
/// the request must return the same refusal. The situation has a password, even if the call was made without one.
pub(super) fn is_applied(
    plugin: &Plugin,
    situation: &Situation,
    call: &Call,
    answer: &Answer,
    may_refuse_password: bool,
) -> Result<bool, Breach> {
    let is_own = |refusal: &&Value| {
        let is_about_password = refusal.get("password-refused").is_some();
        refusal.get("other").is_some() || (may_refuse_password && is_about_password)
    };
    let own = refusal(&answer.returned).filter(is_own);
    let has_no_effect = answer.effects.as_array().is_some_and(Vec::is_empty);
    let (Some(own), Some(other), true) = (own, call.counterpart(), has_no_effect) else {
        return Ok(false);
    };
    let got = match other.run(plugin, situation) {
        Ok(answer) if refusal(&answer.returned).is_some_and(|it| matches(own, it)) => {
            return Ok(true);
        }
        Ok(answer) => answer.returned,
        Err(error) => json!(error.to_string()),
    };
    let (name, expected) = match other {
        Call::Reset { .. } => ("the reset returns", json!({ "err": own })),
        Call::Remove { .. } => ("the remove returns", json!({ "err": own })),
        _ => (
            "its preview returns",
            json!({"verdict": {"would-be-refused": own}}),
        ),
    };
    Err(Breach {
        rule: None,
        expected: json!({ name: expected }),
        got: json!({ name: got }),
    })
}
