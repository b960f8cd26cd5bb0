//! The call context: what the store knew of one device when a call began, and what the call has
//! changed since. The imports read and write it, and nothing else.

use super::{contract::*, error::Breach};
use crate::{change::Change, password::Password};
use uuid::Uuid;

/// More changes than any decision needs: a plugin that makes more is broken or hostile.
const MOST_CHANGES: usize = 16;

/// What the `secret` resource stands for: the password of the call, of which there is one at most.
pub struct Secret;

/// What one call knows and changes.
#[derive(Clone, Debug)]
pub struct CallContext {
    /// The device that the call is about.
    pub device: Device,
    /// Its pending command.
    pub pending: Option<Command>,
    /// Its latest command.
    pub latest: Option<Command>,
    /// The command that the call is about, if it is about one.
    pub subject: Option<Command>,
    /// What the deployment asks of passwords.
    pub password_rule: PasswordRule,
    /// What the road to the device can do.
    pub capabilities: Capabilities,
    /// Whether the device is in contact.
    pub online: bool,
    /// The time of the call. It stands still while the call runs.
    pub now: Timestamp,
    /// The password that the call was given.
    pub password: Option<Password>,
    /// What the call has changed so far, in order.
    pub changes: Vec<Change>,
}

impl CallContext {
    /// The device's command of that id, among those that the call knows of.
    fn command(&mut self, id: &str) -> Option<&mut Command> {
        [&mut self.subject, &mut self.pending, &mut self.latest]
            .into_iter()
            .flatten()
            .find(|command| command.id == id)
    }

    fn push(&mut self, change: Change) -> Result<(), Breach> {
        if self.changes.len() == MOST_CHANGES {
            return Err(Breach(format!(
                "it made more than {MOST_CHANGES} changes in one call"
            )));
        }
        self.changes.push(change);
        Ok(())
    }

    pub(super) fn send(&mut self, new: NewCommand, has_secret: bool) -> Result<CommandId, Breach> {
        let needs_secret = new.action == Action::Reset;
        if needs_secret != has_secret {
            let lack = if needs_secret { "without" } else { "with" };
            return Err(Breach(format!("it sent a {} {lack} a secret", new.action)));
        }
        let id = Uuid::now_v7().to_string();
        let command = Command {
            id: id.clone(),
            action: new.action,
            options: new.options,
            status: Status::Pending,
            requested_at: self.now,
            settled_at: None,
            expires_at: new.expires_at,
            late_outcome: None,
        };
        self.latest = Some(command.clone());
        self.push(Change::Send {
            command,
            sealed: None,
        })?;
        Ok(id)
    }

    pub(super) fn settle(&mut self, id: CommandId, outcome: Outcome) -> Result<(), Breach> {
        let Some(command) = self.command(&id) else {
            return Err(Breach(format!(
                "it settled {id}, which is no command of this call's device"
            )));
        };
        if command.status != Status::Pending {
            return Err(Breach(format!("it settled command {id} a second time")));
        }
        let status = Status::from(outcome.clone());
        for known in [&mut self.subject, &mut self.pending, &mut self.latest]
            .into_iter()
            .flatten()
        {
            if known.id == id {
                known.status = status.clone();
                known.settled_at = Some(self.now);
            }
        }
        if self
            .pending
            .as_ref()
            .is_some_and(|pending| pending.id == id)
        {
            self.pending = None;
        }
        self.push(Change::Settle {
            command: id,
            outcome,
        })
    }

    pub(super) fn keep_late_outcome(
        &mut self,
        id: CommandId,
        outcome: Outcome,
    ) -> Result<(), Breach> {
        let Some(command) = self.command(&id) else {
            return Err(Breach(format!(
                "it kept an outcome of {id}, which is no command of this call's device"
            )));
        };
        if command.status == Status::Pending {
            return Err(Breach(format!(
                "it kept a late outcome of command {id}, which is pending"
            )));
        }
        command.late_outcome = Some(outcome.clone());
        self.push(Change::KeepLateOutcome {
            command: id,
            outcome,
        })
    }

    pub(super) fn set_policy_override(&mut self, id: Option<CommandId>) -> Result<(), Breach> {
        if let Some(id) = &id
            && self.command(id).is_none()
        {
            return Err(Breach(format!(
                "it overrode the policy by {id}, which is no command of this call's device"
            )));
        }
        let since = self.now;
        let policy_override = id.map(|command| PolicyOverride { command, since });
        self.device.policy_override = policy_override.clone();
        self.push(Change::SetPolicyOverride(policy_override))
    }
}
