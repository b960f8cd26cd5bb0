//! The call context: what the store knew of one device when a call began, and what the call has
//! changed since. The imports read and write it, and nothing else.

use crate::{contract::*, effect::Effect, password::Password};

/// The `secret` resource: the password of the call, of which there is one at most.
pub struct Secret;

/// The input and the effects of one call.
#[derive(Clone)]
pub struct CallContext {
    /// The device that the call is about.
    pub device: Device,
    /// Its pending command.
    pub pending: Option<Command>,
    /// Its latest command.
    pub latest: Option<Command>,
    /// The command that the call is about, if it is about one.
    pub subject: Option<Command>,
    /// The deployment's password rule.
    pub password_rule: PasswordRule,
    /// The capabilities of the transport.
    pub capabilities: Capabilities,
    /// The device is online.
    pub online: bool,
    /// The time of the call. It stands still while the call runs.
    pub now: Timestamp,
    /// The password that the call was given.
    pub password: Option<Password>,
    /// The effects of the call so far, in order.
    pub effects: Vec<Effect>,
}

impl CallContext {
    /// The command in flight, as the call has left it so far. While a call replaces a command, that is
    /// the old one until it is completed.
    pub(super) fn pending(&self) -> Option<Command> {
        let mut candidates = self.pending.iter().chain(self.sent());
        let is_pending = |command: &&Command| self.is_pending(command);
        candidates.find(is_pending).cloned()
    }

    /// The latest command, as the call has left it so far.
    pub(super) fn latest(&self) -> Option<Command> {
        let mut latest = self.sent().last().or(self.latest.as_ref())?.clone();
        for change in &self.effects {
            match change {
                Effect::Complete { command, outcome } if *command == latest.id => {
                    latest.status = Status::from(outcome.clone());
                    latest.completed_at = Some(self.now);
                }
                Effect::KeepLateOutcome { command, outcome } if *command == latest.id => {
                    latest.late_outcome = Some(outcome.clone());
                }
                _ => {}
            }
        }
        Some(latest)
    }

    /// The commands that the call has sent.
    pub(super) fn sent(&self) -> impl Iterator<Item = &Command> {
        self.effects.iter().filter_map(|change| match change {
            Effect::Send(command) => Some(command),
            _ => None,
        })
    }

    /// Returns `true` if the call has sent the command of this id.
    pub(super) fn has_sent(&self, id: &str) -> bool {
        self.sent().any(|command| command.id == id)
    }

    /// The command of that id, among those of this device that the call knows of.
    pub(super) fn command(&self, id: &str) -> Option<&Command> {
        let before = [&self.subject, &self.pending, &self.latest];
        before
            .into_iter()
            .flatten()
            .chain(self.sent())
            .find(|command| command.id == id)
    }

    /// Returns `true` if it has no outcome yet, with the effects of the call so far.
    pub(super) fn is_pending(&self, command: &Command) -> bool {
        let is_completed_now = self.effects.iter().any(
            |change| matches!(change, Effect::Complete { command: id, .. } if *id == command.id),
        );
        command.status == Status::Pending && !is_completed_now
    }
}
