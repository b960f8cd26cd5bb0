//! Runs a case, and judges the answer of the plugin.

use super::{
    call::Answer,
    case::{Case, Expectation},
    difference::difference,
    finding::{CaseFailure, Finding, Verdict},
    judge::{self, Breach},
    own_rule,
};
use mdm_contract::PasswordRule;
use mdm_password_host::{Plugin, password::Password};
use serde_json::{Value, json};

/// Judges a case of the kit, which allows own rules.
pub(super) fn judge_case(
    plugin: &Plugin,
    case: &Case,
    accepted: (&Password, &PasswordRule),
) -> Finding {
    judge_case_by(plugin, case, |answer| {
        verdict(plugin, case, answer, accepted)
    })
}

/// Judges a case of a plugin's author, as it is written.
pub(super) fn judge_as_written(plugin: &Plugin, case: &Case) -> Finding {
    judge_case_by(plugin, case, |answer| Ok(as_written(case, answer)))
}

fn judge_case_by(
    plugin: &Plugin,
    case: &Case,
    verdict: impl FnOnce(&Answer) -> Result<Verdict, Breach>,
) -> Finding {
    let (answer, messages) = case.call.run_with_messages(plugin, &case.situation);
    let expected = match case.expect.as_slice() {
        [] => Value::Null,
        [this] => json!(this),
        these => json!(these),
    };
    let mut finding = Finding {
        rule: case.rule,
        case: case.case.clone(),
        verdict: Verdict::Fail,
        expected,
        got: outcome(answer.as_ref().map_err(ToString::to_string)),
        messages: messages.lines,
        failure: None,
    };
    let breach = match answer.as_ref().map(verdict) {
        Ok(Ok(verdict)) => {
            finding.verdict = verdict;
            None
        }
        Ok(Err(breach)) => Some(breach),
        Err(error) => judge::broken_invariant(error),
    };
    let is_breach = breach.is_some();
    if let Some(breach) = breach {
        finding.rule = breach.rule.or(finding.rule);
        (finding.expected, finding.got) = (breach.expected, breach.got);
    }
    if finding.is_failed() {
        finding.failure = Some(CaseFailure {
            given: case.given.clone(),
            call: case.written_call.clone(),
            difference: match &answer {
                Ok(answer) if !is_breach => difference(&case.expect, answer),
                _ => Vec::new(),
            },
        });
    }
    finding
}

/// The verdict on an answer without own rules.
fn as_written(case: &Case, answer: &Answer) -> Verdict {
    let is_met = |expected: &Expectation| judge::is_as_expected(expected, answer);
    match case.expect.as_slice() {
        [] => Verdict::Choice,
        expect if expect.iter().any(is_met) => Verdict::Pass,
        _ => Verdict::Fail,
    }
}

fn verdict(
    plugin: &Plugin,
    case: &Case,
    answer: &Answer,
    (password, rule): (&Password, &PasswordRule),
) -> Result<Verdict, Breach> {
    let verdict = as_written(case, answer);
    if verdict != Verdict::Fail {
        return Ok(verdict);
    }
    let is_accepted = |expected: &Expectation| judge::refusal(&expected.returns).is_none();
    let may_refuse_password = case.names_password && case.expect.iter().all(is_accepted);
    let mut situation = case.situation.clone();
    if situation.password.is_none() {
        situation.with_password(password, rule);
    }
    match own_rule::is_applied(plugin, &situation, &case.call, answer, may_refuse_password)? {
        true => Ok(Verdict::OwnRule),
        false => Ok(Verdict::Fail),
    }
}

/// The result of a call, as JSON.
pub(super) fn outcome(answer: Result<&Answer, String>) -> Value {
    match answer {
        Ok(answer) => json!({"returns": answer.returned, "effects": answer.effects}),
        Err(error) => json!(error),
    }
}
