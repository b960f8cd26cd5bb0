//! The finding about one case.

use mdm_password_host::Message;
use serde::Serialize;
use serde_json::Value;

/// The verdict on a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The plugin met the requirement.
    Pass,
    /// The plugin did not meet the requirement.
    Fail,
    /// The plugin applied a rule of its own, as the contract allows.
    OwnRule,
    /// The contract leaves this to the plugin; the finding has the plugin's choice.
    Choice,
}

/// One line of a check.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// The number of the rule. `None` for sequences that pass, which cover all rules, and for cases of a plugin's
    /// author.
    pub rule: Option<u8>,
    /// The title of the case.
    pub case: String,
    /// The verdict.
    pub verdict: Verdict,
    /// The requirement.
    pub expected: Value,
    /// The answer.
    pub got: Value,
    /// The messages that the plugin logged in the call. A sequence has none.
    pub messages: Vec<Message>,
    /// The case and the difference, if a case failed.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub failure: Option<CaseFailure>,
}

/// A failed case.
#[derive(Clone, Debug, Serialize)]
pub struct CaseFailure {
    /// The differences from the base's situation.
    pub given: Value,
    /// The call.
    pub call: Value,
    /// The parts of the answer that are not as expected, each with its path.
    pub difference: Vec<String>,
}

impl Finding {
    /// Returns `true` if the case failed.
    pub fn is_failed(&self) -> bool {
        self.verdict == Verdict::Fail
    }

    /// A finding that is about no rule, and met.
    pub(super) fn met(case: String) -> Self {
        Self {
            rule: None,
            case,
            verdict: Verdict::Pass,
            expected: Value::Null,
            got: Value::Null,
            messages: Vec::new(),
            failure: None,
        }
    }
}
