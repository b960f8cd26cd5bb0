//! The observed history of a server and its devices, from clients, the API, the devices and `mdm-server audit verify`.

use mdm_contract::{Action, CommandId, DeviceOutcome, PolicyState, Status};
use std::collections::BTreeMap;

/// All of it.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The requests of clients, in the order of their start.
    pub requests: Vec<Request>,
    /// The commands that the host has shown.
    pub commands: BTreeMap<CommandId, Seen>,
    /// The state of the devices at the end, by their ids.
    pub devices: BTreeMap<String, AtTheEnd>,
    /// Two commands of a device that one answer of the host showed as pending, with the device.
    pub pending_together: Vec<(String, CommandId, CommandId)>,
    /// The audit trail at the end.
    pub audit: Audit,
}

/// A request of a client.
#[derive(Clone, Debug)]
pub struct Request {
    /// Of which device.
    pub device: String,
    /// The operation.
    pub operation: Operation,
    /// The response.
    pub answer: Answer,
    /// The responses to later requests with the same idempotency key.
    pub repeats: Vec<Answer>,
}

/// An operation of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A new password, in place of this pending command.
    Reset {
        /// The password, which no other request for the device has.
        password: String,
        /// The pending command.
        replaces: Option<CommandId>,
    },
    /// No password, in place of this pending command.
    Remove {
        /// The pending command.
        replaces: Option<CommandId>,
    },
    /// An end of this pending command.
    Cancel(CommandId),
}

/// The response to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is done, or this command will do it.
    Accepted(CommandId),
    /// It is not, and never will be: the kind of the problem.
    Refused(String),
    /// The answer was lost.
    Lost,
}

/// A command as the host has shown it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Of which device.
    pub device: String,
    /// The action.
    pub action: Action,
    /// The statuses that the server reported, without repetitions. At least one.
    pub statuses: Vec<Status>,
    /// The outcome that the device reported after the command had ended otherwise.
    pub late_outcome: Option<DeviceOutcome>,
}

/// The state of a device at the end.
#[derive(Clone, Debug)]
pub struct AtTheEnd {
    /// For which commands its password was changed, in their order.
    pub applied: Vec<CommandId>,
    /// The password of the lock screen.
    pub lock_screen: LockScreen,
    /// It enforces a policy.
    pub enforces_policy: bool,
    /// An admin has applied a policy.
    pub has_policy: bool,
    /// The state of that policy by the server.
    pub policy_state: PolicyState,
    /// The server's latest command.
    pub latest: Option<CommandId>,
}

/// The password of a lock screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockScreen {
    /// Nothing is asked for.
    Open,
    /// This password.
    Password(String),
    /// A password that no client has sent.
    Unknown,
}

/// The audit trail.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    /// Its lines that are about commands, in their order.
    pub lines: Vec<Line>,
    /// The error of `mdm-server audit verify`.
    pub broken: Option<String>,
}

/// A line of the audit trail.
#[derive(Clone, Debug)]
pub struct Line {
    /// The action.
    pub action: String,
    /// About which command.
    pub command: CommandId,
    /// More about it.
    pub detail: Option<String>,
}

impl History {
    /// The reason in the request of a client, which the audit trail keeps.
    pub fn reason(request: usize) -> String {
        format!("request {request}")
    }

    /// The request that a command was made for, and its number.
    pub fn request_of(&self, command: &str) -> Option<(usize, &Request)> {
        let accepted =
            |request: &Request| matches!(&request.answer, Answer::Accepted(id) if id == command);
        let is_wanted = |request: &Request| !matches!(request.operation, Operation::Cancel(_));
        let answered = self
            .requests
            .iter()
            .position(|request| is_wanted(request) && accepted(request));
        let number = answered.or_else(|| self.reason_of(command))?;
        Some((number, self.requests.get(number)?))
    }

    /// The request that the audit trail names as the reason of a command.
    pub(super) fn reason_of(&self, command: &str) -> Option<usize> {
        let mut made = self.audit.lines.iter().filter(|line| line.makes(command));
        let detail = made.next()?.detail.as_deref()?;
        detail.strip_prefix("request ")?.parse().ok()
    }
}

impl Request {
    /// The action of its command. `None` if it makes none.
    pub fn action(&self) -> Option<Action> {
        match self.operation {
            Operation::Reset { .. } => Some(Action::Reset),
            Operation::Remove { .. } => Some(Action::Remove),
            Operation::Cancel(_) => None,
        }
    }

    /// The command that it ends.
    pub fn ends(&self) -> Option<&CommandId> {
        match &self.operation {
            Operation::Reset { replaces, .. } | Operation::Remove { replaces } => replaces.as_ref(),
            Operation::Cancel(command) => Some(command),
        }
    }
}

impl Line {
    /// Returns `true` if it says that this command was made.
    pub fn makes(&self, command: &str) -> bool {
        self.command == command && ["reset", "remove"].contains(&self.action.as_str())
    }
}

impl Seen {
    /// The last status that the server reported.
    pub fn status(&self) -> Option<&Status> {
        self.statuses.last()
    }

    /// Returns `true` if the server reports at some time that the device has carried it out.
    pub fn is_done(&self) -> bool {
        self.status() == Some(&Status::Success) || self.late_outcome == Some(DeviceOutcome::Success)
    }
}
