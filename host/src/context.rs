//! The call context: the situation of one device when a call began, and the effects of the call so far.

use crate::{contract::*, effect::Effect, password::Password};

/// The `secret` resource: the password of the call, of which there is one at most.
pub struct Secret;

/// The input and the effects of one call.
#[derive(Clone)]
pub struct CallContext {
    /// The situation as the plugin reads it.
    pub situation: Situation,
    /// The command that the call is about, if it is about one.
    pub subject: Option<Command>,
    /// The password behind the secret. The situation has its metrics.
    pub password: Option<Password>,
    /// The effects of the call so far, in order.
    pub effects: Vec<Effect>,
}

impl CallContext {
    /// The context of a call in this situation.
    pub fn new(situation: Situation, subject: Option<Command>, password: Option<Password>) -> Self {
        let metrics = password.as_ref().map(Password::metrics);
        Self {
            situation: Situation {
                password: metrics,
                ..situation
            },
            subject,
            password,
            effects: Vec::new(),
        }
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
        let Situation {
            pending, latest, ..
        } = &self.situation;
        [&self.subject, pending, latest]
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
