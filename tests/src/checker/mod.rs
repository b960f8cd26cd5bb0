//! Checks a history against the rules, under all faults: each accepted command has exactly one outcome, none was
//! applied twice, each lock screen is as the host reports, and the audit trail is complete.

mod history;
#[cfg(test)]
mod tests;

pub use history::{Answer, AtTheEnd, Audit, History, Line, LockScreen, Operation, Request, Seen};

use mdm_contract::{Action, CommandId, Failure, PolicyState, Status};
use std::{collections::BTreeMap, fmt::Debug};

/// A violation of a guarantee.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// An accepted request is lost.
    #[error("request {0} was accepted as command {1}, and the host shows no such command")]
    Lost(usize, CommandId),
    /// A command came from nowhere.
    #[error("nobody asked for command {0} of device {1}")]
    Unasked(CommandId, String),
    /// A refused request was carried out.
    #[error("request {0} was refused ({1}), and command {2} was made for it all the same")]
    MadeThoughRefused(usize, String, CommandId),
    /// A request was carried out twice.
    #[error("request {0} was made into two commands: {1} and {2}")]
    MadeTwice(usize, CommandId, CommandId),
    /// An idempotency key was executed again.
    #[error("the key of request {0} made command {1}, and its repeat was answered with {2:?}")]
    KeyNotReplayed(usize, CommandId, Answer),
    /// A device had two commands in flight.
    #[error("commands {1} and {2} of device {0} were pending at the same time")]
    TwoPending(String, CommandId, CommandId),
    /// An outcome was not for ever.
    #[error("command {0} was {1}, and then {2}")]
    TwoOutcomes(CommandId, String, String),
    /// A command has no outcome, and nothing more is to come.
    #[error("command {0} is pending for ever")]
    NoOutcome(CommandId),
    /// A command ended otherwise than was promised.
    #[error("request {0} was to end command {1}, was accepted, and the command is {2}")]
    NotEnded(usize, CommandId, String),
    /// A device did the same command twice.
    #[error("device {0} applied command {1} twice")]
    AppliedTwice(String, CommandId),
    /// The server does not know a command that the device has carried out.
    #[error("device {0} applied command {1}, and the host says that it is {2}")]
    AppliedUnsaid(String, CommandId, String),
    /// The server reports a success that no device has carried out.
    #[error("the host says that command {0} succeeded, and device {1} has not applied it")]
    SaidUnapplied(CommandId, String),
    /// A lock screen opens with another password than the last applied one.
    #[error(
        "device {device}: after command {last}, its lock screen is {found:?}, and should be {expected:?}"
    )]
    WrongLockScreen {
        /// The device.
        device: String,
        /// The command that it applied last; `none`.
        last: CommandId,
        /// The actual password.
        found: LockScreen,
        /// The expected password.
        expected: LockScreen,
    },
    /// The host is wrong about the override of the policy.
    #[error(
        "device {device}: after command {last}, the host says that its policy is {found}, and it should be {expected}"
    )]
    WrongPolicyState {
        /// The device.
        device: String,
        /// The command that it applied last; `none`.
        last: CommandId,
        /// The server's report.
        found: String,
        /// The expected report.
        expected: String,
    },
    /// The device's state differs from the server's.
    #[error("device {0}: its policy is {1}, and it is {2}")]
    WrongEnforcement(String, String, &'static str),
    /// The host shows an earlier command as the latest.
    #[error("the latest command of device {0} is shown to be {1:?}, and {2} was made after it")]
    WrongLatest(String, Option<CommandId>, CommandId),
    /// The chain of the audit trail is broken.
    #[error("the audit trail doesn't verify: {0}")]
    BrokenAudit(String),
    /// A command has no line, or several, in the audit trail for its creation.
    #[error("the making of command {0} is told by {1} lines of the audit trail")]
    AuditLines(CommandId, usize),
}

/// Returns the violations in a history.
pub fn check(history: &History) -> Vec<Violation> {
    let mut found = Vec::new();
    requests(history, &mut found);
    keys(history, &mut found);
    for (device, one, other) in &history.pending_together {
        found.push(Violation::TwoPending(
            device.clone(),
            one.clone(),
            other.clone(),
        ));
    }
    commands(history, &mut found);
    origins(history, &mut found);
    for (id, device) in &history.devices {
        applications(history, id, device, &mut found);
        beliefs(history, id, device, &mut found);
        let lines = history.audit.lines.iter().rev();
        let of_device = |command: &CommandId| {
            let seen = history.commands.get(command);
            seen.is_some_and(|seen| seen.device == *id)
        };
        let made = lines.filter(|line| line.makes(&line.command));
        let made = made.map(|line| &line.command).find(|it| of_device(it));
        if let Some(made) = made.filter(|made| device.latest.as_ref() != Some(made)) {
            found.push(Violation::WrongLatest(
                id.clone(),
                device.latest.clone(),
                made.clone(),
            ));
        }
    }
    if let Some(broken) = &history.audit.broken {
        found.push(Violation::BrokenAudit(broken.clone()));
    }
    found
}

/// Checks that accepted requests are there, and have ended the commands that they were to end.
fn requests(history: &History, found: &mut Vec<Violation>) {
    for (number, request) in history.requests.iter().enumerate() {
        let Answer::Accepted(made) = &request.answer else {
            continue;
        };
        if request.action().is_some() && !history.commands.contains_key(made) {
            found.push(Violation::Lost(number, made.clone()));
        }
        let Some((id, ended)) = request
            .ends()
            .and_then(|id| Some((id, history.commands.get(id)?)))
        else {
            continue;
        };
        let expected = match request.operation {
            Operation::Cancel(_) => Status::Failed(Failure::Cancelled),
            _ => Status::Failed(Failure::Superseded(made.clone())),
        };
        if ended.status() != Some(&expected) {
            found.push(Violation::NotEnded(
                number,
                id.clone(),
                said(&ended.status()),
            ));
        }
    }
}

/// A repeat of a key is answered with the command that the key made, and with nothing else.
fn keys(history: &History, found: &mut Vec<Violation>) {
    for (number, request) in history.requests.iter().enumerate() {
        let Answer::Accepted(made) = &request.answer else {
            continue;
        };
        let others = request
            .repeats
            .iter()
            .filter(|repeat| **repeat != request.answer);
        found.extend(
            others.map(|other| Violation::KeyNotReplayed(number, made.clone(), other.clone())),
        );
    }
}

/// Each command leaves `pending` once, and has one line in the audit trail.
fn commands(history: &History, found: &mut Vec<Violation>) {
    for (id, seen) in &history.commands {
        for pair in seen.statuses.windows(2) {
            if pair[0] != Status::Pending && pair[0] != pair[1] {
                let [before, after] = [said(&pair[0]), said(&pair[1])];
                found.push(Violation::TwoOutcomes(id.clone(), before, after));
            }
        }
        if matches!(seen.status(), None | Some(Status::Pending)) {
            found.push(Violation::NoOutcome(id.clone()));
        }
        let lines = history.audit.lines.iter();
        let lines = lines.filter(|line| line.makes(id)).count();
        if lines != 1 {
            found.push(Violation::AuditLines(id.clone(), lines));
        }
    }
}

/// Each command was asked for, by a request of its own whose answer was this command, or was lost.
fn origins(history: &History, found: &mut Vec<Violation>) {
    let mut made: BTreeMap<usize, &CommandId> = BTreeMap::new();
    // A remove gives no reason, so it is any of those whose answer was lost.
    let mut lost: Vec<(&str, Action)> = history
        .requests
        .iter()
        .filter(|request| {
            request.answer == Answer::Lost && request.action() == Some(Action::Remove)
        })
        .map(|request| (request.device.as_str(), Action::Remove))
        .collect();
    for (id, seen) in &history.commands {
        let unasked = || Violation::Unasked(id.clone(), seen.device.clone());
        let Some((number, request)) = history.request_of(id) else {
            let asked = (seen.device.as_str(), seen.action);
            match lost.iter().position(|lost| *lost == asked) {
                Some(place) => drop(lost.swap_remove(place)),
                None => found.push(unasked()),
            }
            continue;
        };
        if request.action() != Some(seen.action) || request.device != seen.device {
            found.push(unasked());
        }
        if let Answer::Refused(kind) = &request.answer {
            found.push(Violation::MadeThoughRefused(
                number,
                kind.clone(),
                id.clone(),
            ));
        }
        if let Some(first) = made.insert(number, id) {
            found.push(Violation::MadeTwice(number, first.clone(), id.clone()));
        }
    }
}

/// The device has carried out exactly the server's successful commands, each once.
fn applications(history: &History, id: &str, device: &AtTheEnd, found: &mut Vec<Violation>) {
    for (place, command) in device.applied.iter().enumerate() {
        if device.applied[..place].contains(command) {
            found.push(Violation::AppliedTwice(id.to_owned(), command.clone()));
            continue;
        }
        let seen = history.commands.get(command);
        if !seen.is_some_and(|seen| seen.is_done() && seen.device == id) {
            let status = said(&seen.and_then(Seen::status));
            let id = id.to_owned();
            found.push(Violation::AppliedUnsaid(id, command.clone(), status));
        }
    }
    for (command, seen) in &history.commands {
        if seen.device == id && seen.is_done() && !device.applied.contains(command) {
            found.push(Violation::SaidUnapplied(command.clone(), id.to_owned()));
        }
    }
}

/// The lock screen, the policy and the server's state match the last applied command.
fn beliefs(history: &History, id: &str, device: &AtTheEnd, found: &mut Vec<Violation>) {
    let last = device.applied.last();
    let operation = last
        .and_then(|last| history.request_of(last))
        .map(|(_, request)| &request.operation);
    let name = || last.map_or("none".to_owned(), Clone::clone);
    let action = last.and_then(|last| Some(history.commands.get(last)?.action));
    let expected = match (operation, action) {
        (Some(Operation::Reset { password, .. }), _) => LockScreen::Password(password.clone()),
        (None, Some(Action::Reset)) => LockScreen::Unknown,
        _ => LockScreen::Open,
    };
    if device.lock_screen != expected {
        found.push(Violation::WrongLockScreen {
            device: id.to_owned(),
            last: name(),
            found: device.lock_screen.clone(),
            expected,
        });
    }
    let (is_right, expected) = match (last, action) {
        (Some(last), Some(Action::Reset)) => {
            let is_right =
                matches!(&device.policy_state, PolicyState::Overridden(by) if by.command == *last);
            (is_right, format!("overridden by {last}"))
        }
        _ if device.has_policy => (
            device.policy_state == PolicyState::Enforced,
            "enforced".into(),
        ),
        _ => (device.policy_state == PolicyState::None, "none".into()),
    };
    if !is_right {
        found.push(Violation::WrongPolicyState {
            device: id.to_owned(),
            last: name(),
            found: said(&device.policy_state),
            expected,
        });
    }
    let is_enforced = device.policy_state == PolicyState::Enforced;
    if device.enforces_policy != is_enforced {
        let (id, state) = (id.to_owned(), said(&device.policy_state));
        let does = if is_enforced {
            "not enforced"
        } else {
            "enforced"
        };
        found.push(Violation::WrongEnforcement(id, state, does));
    }
}

fn said(status: &impl Debug) -> String {
    format!("{status:?}")
}
