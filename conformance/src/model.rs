//! A model of the rules, for random sequences of calls. It is written from the contract alone, and shares no code with
//! any plugin.

use super::{
    call::{Call, SENT},
    situation::Situation,
};
use mdm_contract::{
    Action, AgentTooOld, Command, DeviceOutcome, Failure, Outcome, PasswordFault, PolicyOverride,
    PolicyState, Refusal, Request, ResetOptions, Status,
    time::{END_OF_CALENDAR, Timestamp},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// An agent version in sequences that is below the minimum.
pub(super) const OLD_AGENT: &str = "2.4.9";

/// The state of a device during a sequence, as a host's store would keep it.
#[derive(Clone)]
pub(super) struct World {
    /// The situation of the next call.
    pub(super) situation: Situation,
    /// The request from which each request differs.
    pub(super) base: Request,
    /// All its commands, oldest first.
    pub(super) commands: Vec<Command>,
    /// The password of the next call is one character too short.
    pub(super) is_too_short: bool,
}

/// The prediction of the rules for a call.
pub(super) struct Prediction {
    returns: Vec<Value>,
    /// The accepted states of the device afterwards, with the new command's id written as `SENT`. Unchanged if the call
    /// is refused.
    pub(super) may_be: Vec<World>,
}

impl Prediction {
    fn new(returns: Value, after: World) -> Self {
        Self {
            returns: vec![returns],
            may_be: vec![after],
        }
    }

    /// The accepted results, with commands written as their names.
    pub(super) fn returns(&self) -> Vec<Value> {
        // Every accepted state has the same commands, so the names of the first one fit all.
        let after = self.may_be.iter().take(1);
        after
            .flat_map(|world| self.returns.iter().map(|it| world.with_names(it)))
            .collect()
    }
}

/// The stored facts of a device, by subject.
pub(super) type Facts = BTreeMap<String, Value>;

impl World {
    pub(super) fn pending(&self) -> Option<&Command> {
        self.commands.iter().find(Situation::is_pending)
    }

    /// The stored facts that the rules determine: of each command, and of the policy override. Commands are named in
    /// the order in which they were made, because ids differ from run to run.
    pub(super) fn facts(&self) -> Facts {
        let policy_override = &self.situation.device.policy_override;
        let by = policy_override.as_ref().map(|by| &by.command);
        let mut facts = BTreeMap::from([("override".to_owned(), json!(by))]);
        for (number, command) in self.commands.iter().enumerate() {
            let fact = json!({
                "action": command.action,
                "options": command.options,
                "status": command.status,
                "late_outcome": command.late_outcome,
                "expires_at": command.expires_at,
            });
            facts.insert(name(number), fact);
        }
        facts
            .into_iter()
            .map(|(of, fact)| (of, self.with_names(&fact)))
            .collect()
    }

    /// The same value, with every id of a command written as its name.
    pub(super) fn with_names(&self, value: &Value) -> Value {
        let mut text = value.to_string();
        for (number, command) in self.commands.iter().enumerate() {
            text = text.replace(&command.id, &name(number));
        }
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// The prediction of the rules for a call.
    pub(super) fn predict(&self, call: &Call) -> Prediction {
        match call {
            Call::Reset { request } => self.request(Action::Reset, request.options, request),
            Call::Remove { request } => {
                self.request(Action::Remove, ResetOptions::default(), request)
            }
            Call::Preview { action, request } => {
                let refusals = self.refusals(*action, request);
                // The device of a sequence never fails a command, and is always online.
                let returns = match refusals.is_empty() {
                    true => vec![json!({"verdict": "will-succeed", "remedy": null})],
                    false => refusals
                        .iter()
                        .map(|it| json!({"verdict": {"would-be-refused": it}}))
                        .collect(),
                };
                self.unchanged(returns)
            }
            Call::Status => self.unchanged(vec![json!({
                "latest": self.commands.last(),
                "policy_state": self.policy_state(),
                "remove_offered": self.remove_offered(),
                "password_rule": self.situation.deployment.password_rule,
            })]),
            Call::PolicyOverride => self.unchanged(vec![json!(self.policy_state())]),
            Call::Report { outcome } => self.report(outcome),
            Call::Cancel => self.end(Failure::Cancelled, |_| None),
            Call::Expire => {
                let now = self.situation.now;
                self.end(Failure::Expired, |command| {
                    let is_over = command.expires_at.is_some_and(|end| end <= now);
                    (!is_over).then(|| Refusal::NotExpired(command.id.clone()))
                })
            }
        }
    }

    fn unchanged(&self, returns: Vec<Value>) -> Prediction {
        Prediction {
            returns,
            may_be: vec![self.clone()],
        }
    }

    fn refused(&self, refusals: &[Refusal]) -> Prediction {
        self.unchanged(refusals.iter().map(|it| json!({"err": it})).collect())
    }

    /// All refusals that apply to a request. A plugin may return any of them.
    fn refusals(&self, action: Action, request: &Request) -> Vec<Refusal> {
        let situation = &self.situation;
        let mut refusals = Vec::new();
        if situation.device.agent_version == OLD_AGENT {
            refusals.push(Refusal::AgentTooOld(AgentTooOld {
                agent_version: OLD_AGENT.to_owned(),
                required_version: situation.deployment.minimum_agent_version.clone(),
            }));
        }
        if action == Action::Reset && self.is_too_short {
            let least = situation.deployment.password_rule.minimum_length;
            refusals.push(Refusal::PasswordRefused(vec![PasswordFault::TooShort(
                least,
            )]));
        }
        if action == Action::Remove && !self.remove_offered() {
            refusals.push(Refusal::NothingToRemove);
        }
        if request.valid_for.is_some() && self.expiry(request).is_none() {
            refusals.push(Refusal::BadValidity);
        }
        let names = |command: &Command| request.replaces.as_ref() == Some(&command.id);
        match (self.pending(), &request.replaces) {
            (None, Some(id)) => refusals.push(Refusal::NotPending(id.clone())),
            (Some(pending), Some(id)) if !names(pending) => {
                refusals.push(Refusal::Conflict(pending.id.clone()));
                refusals.push(Refusal::NotPending(id.clone()));
            }
            (Some(pending), None) if !self.is_over(pending) => {
                refusals.push(Refusal::Conflict(pending.id.clone()));
            }
            _ => {}
        }
        refusals
    }

    fn is_over(&self, command: &Command) -> bool {
        let now = self.situation.now;
        command.expires_at.is_some_and(|end| end <= now)
    }

    fn remove_offered(&self) -> bool {
        let device = &self.situation.device;
        device.policy.is_some() || device.policy_override.is_some()
    }

    fn policy_state(&self) -> PolicyState {
        let device = &self.situation.device;
        match &device.policy_override {
            Some(by) => PolicyState::Overridden(by.clone()),
            None if device.policy.is_some() => PolicyState::Enforced,
            None => PolicyState::None,
        }
    }

    fn request(&self, action: Action, options: ResetOptions, request: &Request) -> Prediction {
        let refusals = self.refusals(action, request);
        if !refusals.is_empty() {
            return self.refused(&refusals);
        }
        let overdue = self.pending().is_some_and(|pending| self.is_over(pending));
        let superseded = Failure::Superseded(SENT.to_owned());
        // If the request replaces an expired command, the contract accepts both outcomes.
        let endings = match (overdue, &request.replaces) {
            (true, Some(_)) => vec![Failure::Expired, superseded],
            (true, None) => vec![Failure::Expired],
            (false, _) => vec![superseded],
        };
        let sent = Command {
            id: SENT.to_owned(),
            action,
            options,
            status: Status::Pending,
            requested_at: self.situation.now,
            completed_at: None,
            expires_at: self.expiry(request),
            late_outcome: None,
        };
        let after = |ending: Failure| {
            let mut after = self.clone();
            if let Some(pending) = after.pending_mut() {
                complete(pending, Outcome::Failed(ending), self.situation.now);
            }
            after.commands.push(sent.clone());
            after
        };
        Prediction {
            returns: vec![json!({"ok": SENT})],
            may_be: endings.into_iter().map(after).collect(),
        }
    }

    /// The expiry of the command that a request creates. `None` if the request has no validity, or one that the
    /// contract refuses.
    fn expiry(&self, request: &Request) -> Option<Timestamp> {
        let now = self.situation.now;
        let end = now.checked_add(request.valid_for?.checked_mul(1000)?)?;
        (end > now && end < END_OF_CALENDAR).then_some(end)
    }

    fn pending_mut(&mut self) -> Option<&mut Command> {
        self.commands
            .iter_mut()
            .find(|command| command.status == Status::Pending)
    }

    /// The command that the call is about, to be changed.
    fn subject_mut(&mut self) -> Option<&mut Command> {
        let id = self.situation.command.as_ref()?.id.clone();
        self.commands.iter_mut().find(|command| command.id == id)
    }

    fn report(&self, outcome: &DeviceOutcome) -> Prediction {
        let mut after = self.clone();
        let now = self.situation.now;
        let Some(command) = after.subject_mut() else {
            return self.unchanged(Vec::new());
        };
        let reported = Status::from(Outcome::from(outcome.clone()));
        if command.status == reported || command.late_outcome.as_ref() == Some(outcome) {
            return self.unchanged(vec![json!({"ok": "repeated"})]);
        }
        let effect = if command.status == Status::Pending {
            complete(command, outcome.clone().into(), now);
            "completed"
        } else {
            command.late_outcome = Some(outcome.clone());
            "late"
        };
        let (action, id) = (command.action, command.id.clone());
        if *outcome == DeviceOutcome::Success {
            after.situation.device.policy_override =
                (action == Action::Reset).then_some(PolicyOverride {
                    command: id,
                    since: now,
                });
        }
        Prediction::new(json!({ "ok": effect }), after)
    }

    fn end(&self, failure: Failure, refusal: impl Fn(&Command) -> Option<Refusal>) -> Prediction {
        let mut after = self.clone();
        let now = self.situation.now;
        let Some(command) = after.subject_mut() else {
            return self.unchanged(Vec::new());
        };
        if command.status != Status::Pending {
            return self.refused(&[Refusal::NotPending(command.id.clone())]);
        }
        if let Some(refusal) = refusal(command) {
            return self.refused(&[refusal]);
        }
        complete(command, Outcome::Failed(failure), now);
        Prediction::new(json!({"ok": null}), after)
    }
}

/// The name of a command in a sequence: the first is `#1`.
pub(super) fn name(number: usize) -> String {
    format!("#{}", number + 1)
}

fn complete(command: &mut Command, outcome: Outcome, now: u64) {
    command.status = Status::from(outcome);
    command.completed_at = Some(now);
}
