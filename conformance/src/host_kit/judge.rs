//! Runs a case on a host, and judges it.

use super::{
    case::{Action, ComponentKind, HostCase, HostCases, Step},
    components::Components,
    expectation::{may_change, without_words},
    program::{ProgramError, beginning},
    report::HostFinding,
    session::Session,
};
use crate::call::SENT;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

/// Maximum length of a message as an operator sees it: that of the contract, and room for a mark of what was cut.
const MAX_MESSAGE_BYTES: usize = 1100;

/// Maximum number of messages of a call.
const MAX_MESSAGES: usize = 16;

/// Runs a case.
pub(super) fn finding(
    case: &HostCase,
    cases: &HostCases,
    session: &mut Session<'_>,
    components: &Components,
) -> HostFinding {
    let mut run = Run {
        case,
        cases,
        session,
        components,
        calls: 0,
        faults: Vec::new(),
    };
    if let Err(error) = run.steps() {
        run.faults.push(error.to_string());
    }
    HostFinding::run(case, run.faults)
}

/// A case that is being run.
struct Run<'a, 'b> {
    case: &'a HostCase,
    cases: &'a HostCases,
    session: &'a mut Session<'b>,
    components: &'a Components,
    calls: usize,
    faults: Vec<String>,
}

impl Run<'_, '_> {
    fn steps(&mut self) -> Result<(), ProgramError> {
        let probe = self.use_request(ComponentKind::Probe, None, 0);
        self.session.require(&probe)?;
        let situation = self.cases.situation(&[&self.case.given]);
        self.session.require(&json!({ "situation": situation }))?;
        for (step, number) in self.case.steps.iter().zip(1..) {
            let faults = self.step(step)?;
            let place = match self.case.steps.len() {
                1 => String::new(),
                _ => format!("step {number}: "),
            };
            let faults = faults.into_iter().map(|fault| format!("{place}{fault}"));
            self.faults.extend(faults);
        }
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<Vec<String>, ProgramError> {
        let before = self.session.ask(&json!({"state": {}}))?;
        let (request, has_other_writer) = match &step.action {
            Action::Use {
                component,
                settings,
                pad,
            } => (self.use_request(*component, settings.as_ref(), *pad), false),
            Action::Call(call) => {
                self.calls += 1;
                (self.call_request(call), call.contains_key("meanwhile"))
            }
        };
        let answer = self.session.ask(&request)?;
        let after = self.session.ask(&json!({"state": {}}))?;
        let mut faults = self.laws(&answer, &after);
        let (answer, after) = with_new_command(&before, answer, after);
        let brief = without_words(&answer);
        if !step.expect.accepts(&brief) {
            let expected: Vec<String> = step.expect.answer.iter().map(Value::to_string).collect();
            faults.push(format!(
                "the answer must be {}, and is {}",
                expected.join(" or "),
                beginning(&answer.to_string())
            ));
        }
        if !step.expect.is_met_by(&after) {
            let expected = &step.expect.state;
            faults.push(format!("the state must have {expected}, and is {after}"));
        }
        let sent = after["commands"].as_array().into_iter().flatten();
        let mut sent = sent.filter(|it| it["id"] == SENT);
        if sent.any(|it| it["action"] == "reset") && after["sealed"].get(SENT).is_none() {
            faults.push("no sealed password is kept for the new command".to_owned());
        }
        let stays = !may_change(&brief) && !has_other_writer;
        let kept = |state: &Value| {
            ["device", "commands", "sealed"]
                .map(|name| state.get(name).cloned().unwrap_or_default())
        };
        if stays && kept(&before) != kept(&after) {
            faults.push(format!(
                "nothing may change, and the state was {before}, and is {after}"
            ));
        }
        Ok(faults)
    }

    /// The requirements on every state.
    fn laws(&self, answer: &Value, state: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        let pending = ids(state, |command| command["status"] == "pending");
        if pending.len() > 1 {
            faults.push(format!("{} commands are pending", pending.len()));
        }
        let sealed = state["sealed"].as_object().cloned().unwrap_or_default();
        if let Some(ended) = sealed.keys().find(|id| !pending.contains(id)) {
            faults.push(format!("{ended} is not pending, and its password is kept"));
        }
        let password = &self.cases.password;
        let holds = |bytes: &[u8]| {
            bytes
                .windows(password.len())
                .any(|it| it == password.as_bytes())
        };
        let opened = sealed
            .values()
            .filter_map(|it| STANDARD.decode(it.as_str()?).ok());
        if holds(answer.to_string().as_bytes()) || holds(state.to_string().as_bytes()) {
            faults.push("the password is readable in an answer of the host".to_owned());
        } else if opened.into_iter().any(|it| holds(&it)) {
            faults.push("the password is stored without being sealed".to_owned());
        }
        let messages = state["messages"].as_array().map_or(&[][..], Vec::as_slice);
        if messages.len() > MAX_MESSAGES * self.calls {
            faults.push(format!(
                "{} messages of {} calls are kept",
                messages.len(),
                self.calls
            ));
        }
        let texts = messages.iter().filter_map(|it| it["message"].as_str());
        for text in texts {
            if text.len() > MAX_MESSAGE_BYTES {
                faults.push(format!("a message of {} bytes is kept", text.len()));
            }
            if text.contains(char::is_control) {
                faults.push(format!("a message has a control character: {text:?}"));
            }
        }
        faults
    }

    fn use_request(&self, kind: ComponentKind, settings: Option<&Value>, pad: usize) -> Value {
        let text = settings.map(|settings| {
            let text = settings
                .as_str()
                .map_or_else(|| settings.to_string(), str::to_owned);
            format!("{text}{}", " ".repeat(pad))
        });
        json!({"use": {"component": self.components.path(kind), "settings": text}})
    }

    fn call_request(&self, call: &Map<String, Value>) -> Value {
        let mut request = self.cases.call(call);
        if let Some(Value::Object(meanwhile)) = request.get("meanwhile").cloned() {
            request["meanwhile"] = self.cases.situation(&[&self.case.given, &meanwhile]);
        }
        json!({ "call": request })
    }
}

/// The ids of some commands of a state.
fn ids(state: &Value, is_meant: impl Fn(&Value) -> bool) -> Vec<&String> {
    let commands = state["commands"].as_array().into_iter().flatten();
    let meant = commands.filter(|it| is_meant(it));
    meant
        .filter_map(|it| match &it["id"] {
            Value::String(id) => Some(id),
            _ => None,
        })
        .collect()
}

/// Replaces the id of the command that the call sent by the one that stands for it in cases.
fn with_new_command(before: &Value, answer: Value, after: Value) -> (Value, Value) {
    let known = ids(before, |_| true);
    let new = ids(&after, |it| it["status"] == "pending");
    let Some(id) = new.into_iter().find(|it| !known.contains(it)).cloned() else {
        return (answer, after);
    };
    let renamed = |value: Value| {
        let text = value.to_string().replace(&id, SENT);
        serde_json::from_str(&text).unwrap_or(value)
    };
    (renamed(answer), renamed(after))
}
