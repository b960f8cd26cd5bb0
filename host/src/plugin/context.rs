//! The call context: what the store knew of one device when a call began, and what the call has
//! changed since. The imports read and write it, and nothing else.

use super::{
    contract::*,
    error::{Breach, PluginError},
};
use crate::{change::Change, password::Password};
use mdm_wire::time;
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
    /// The command in flight, as the call has left it so far. While a call replaces a command, that is
    /// the old one until it is settled.
    pub(super) fn pending(&self) -> Option<Command> {
        let mut candidates = self.pending.iter().chain(self.sent());
        let is_pending = |command: &&Command| self.is_pending(command);
        candidates.find(is_pending).cloned()
    }

    /// The latest command, as the call has left it so far.
    pub(super) fn latest(&self) -> Option<Command> {
        let mut latest = self.sent().last().or(self.latest.as_ref())?.clone();
        for change in &self.changes {
            match change {
                Change::Settle { command, outcome } if *command == latest.id => {
                    latest.status = Status::from(outcome.clone());
                    latest.settled_at = Some(self.now);
                }
                Change::KeepLateOutcome { command, outcome } if *command == latest.id => {
                    latest.late_outcome = Some(outcome.clone());
                }
                _ => {}
            }
        }
        Some(latest)
    }

    /// The commands that the call has sent.
    fn sent(&self) -> impl Iterator<Item = &Command> {
        self.changes.iter().filter_map(|change| match change {
            Change::Send { command, .. } => Some(command),
            _ => None,
        })
    }

    /// Refuses what the call sent with an expiry that is over already, or that no calendar tells.
    pub(crate) fn check_expiries(&self) -> Result<(), PluginError> {
        let is_in_time = |end: &Timestamp| *end > self.now && *end < time::END_OF_CALENDAR;
        let mut ends = self.sent().filter_map(|command| command.expires_at);
        match ends.find(|end| !is_in_time(end)) {
            None => Ok(()),
            Some(end) => Err(PluginError::Breach(format!(
                "it sent a command that expires at {end} ms, which is over already or past the calendar's end"
            ))),
        }
    }

    /// Whether the call has sent the command of this id.
    pub(super) fn has_sent(&self, id: &str) -> bool {
        self.sent().any(|command| command.id == id)
    }

    /// The command of that id, among those of this device that the call knows of.
    fn command(&self, id: &str) -> Option<&Command> {
        let before = [&self.subject, &self.pending, &self.latest];
        before
            .into_iter()
            .flatten()
            .chain(self.sent())
            .find(|command| command.id == id)
    }

    fn is_pending(&self, command: &Command) -> bool {
        let is_settled_now = self.changes.iter().any(
            |change| matches!(change, Change::Settle { command: id, .. } if *id == command.id),
        );
        command.status == Status::Pending && !is_settled_now
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
        self.push(Change::Send {
            command,
            sealed: None,
        })?;
        Ok(id)
    }

    pub(super) fn settle(&mut self, id: CommandId, outcome: Outcome) -> Result<(), Breach> {
        check_length(&outcome)?;
        match self.command(&id) {
            None => Err(Breach(format!(
                "it settled {id}, which is no command of this call's device"
            ))),
            Some(command) if !self.is_pending(command) => {
                Err(Breach(format!("it settled command {id} a second time")))
            }
            Some(_) => self.push(Change::Settle {
                command: id,
                outcome,
            }),
        }
    }

    pub(super) fn keep_late_outcome(
        &mut self,
        id: CommandId,
        outcome: Outcome,
    ) -> Result<(), Breach> {
        check_length(&outcome)?;
        match self.command(&id) {
            None => Err(Breach(format!(
                "it kept an outcome of {id}, which is no command of this call's device"
            ))),
            Some(command) if self.is_pending(command) => Err(Breach(format!(
                "it kept a late outcome of command {id}, which is pending"
            ))),
            Some(_) => self.push(Change::KeepLateOutcome {
                command: id,
                outcome,
            }),
        }
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

/// What a plugin keeps of a command is read at every later call about the device.
fn check_length(outcome: &Outcome) -> Result<(), Breach> {
    let text = match outcome {
        Outcome::Failed(failure) => failure.text().unwrap_or_default(),
        Outcome::Success => "",
    };
    match text.len() {
        0..=Failure::LONGEST_TEXT => Ok(()),
        length => Err(Breach(format!(
            "it gave an outcome of {length} bytes in its own words, where {} are allowed",
            Failure::LONGEST_TEXT
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESET: NewCommand = NewCommand {
        action: Action::Reset,
        options: ResetOptions {
            lock_now: false,
            require_entry: false,
            no_credentials_on_boot: false,
        },
        expires_at: None,
    };

    fn context() -> CallContext {
        CallContext {
            device: Device {
                id: "device".into(),
                api_level: 34,
                agent_version: "6.9.0".into(),
                management_mode: ManagementMode::DeviceOwner,
                managed_profile: false,
                groups: vec![],
                condition: Condition {
                    password_set: false,
                    token: TokenState::Active,
                    unlocked_since_boot: true,
                    direct_boot_aware: true,
                    secure_lock_screen: true,
                    other_admin_entry_pending: false,
                    other_admin_policy: None,
                },
                last_sync: 0,
                policy: None,
                policy_override: None,
            },
            pending: None,
            latest: None,
            subject: None,
            password_rule: PasswordRule::default(),
            capabilities: Capabilities {
                lock_now: true,
                require_entry: true,
                no_credentials_on_boot: true,
                expiry: true,
            },
            online: true,
            now: 7,
            password: None,
            changes: vec![],
        }
    }

    #[test]
    fn a_call_sees_its_own_changes() {
        let mut context = context();
        let first = context.send(RESET, true).unwrap();
        assert_eq!(context.pending().unwrap().id, first);
        assert_eq!(context.latest().unwrap().id, first);
        let second = context.send(RESET, true).unwrap();
        assert_eq!(
            context.pending().unwrap().id,
            first,
            "it is still in flight"
        );
        assert_eq!(context.latest().unwrap().id, second);
        context
            .settle(first, Outcome::Failed(Failure::Superseded(second.clone())))
            .unwrap();
        assert_eq!(context.pending().unwrap().id, second);
        context.settle(second.clone(), Outcome::Success).unwrap();
        assert_eq!(context.pending(), None);
        let latest = context.latest().unwrap();
        assert_eq!(
            (latest.status, latest.settled_at),
            (Status::Success, Some(7))
        );
        context
            .keep_late_outcome(second.clone(), Outcome::Failed(Failure::UserLocked))
            .unwrap();
        assert!(context.latest().unwrap().late_outcome.is_some());
        context.set_policy_override(Some(second)).unwrap();
        assert!(context.device.policy_override.is_some());
    }

    #[test]
    fn no_command_is_settled_twice_and_none_of_another_device() {
        let mut context = context();
        let id = context.send(RESET, true).unwrap();
        assert!(
            context
                .keep_late_outcome(id.clone(), Outcome::Success)
                .is_err()
        );
        context.settle(id.clone(), Outcome::Success).unwrap();
        assert!(context.settle(id, Outcome::Success).is_err());
        assert!(
            context
                .settle("another's".into(), Outcome::Success)
                .is_err()
        );
        assert!(
            context
                .set_policy_override(Some("another's".into()))
                .is_err()
        );
        assert_eq!(context.changes.len(), 2);
    }
}
