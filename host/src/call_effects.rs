//! The effects of a call: each is checked against the invariants, and buffered in the call context.

use crate::{
    CallContext,
    contract::*,
    effect::Effect,
    error::Exhausted,
    invariant::{check_complete, check_late_outcome, check_override, check_send},
    limits::MAX_CHANGES,
};
use mdm_contract::text::storable;
use std::mem;
use uuid::Uuid;

impl CallContext {
    fn push(&mut self, effect: Effect) -> wasmtime::Result<()> {
        if self.effects.len() == MAX_CHANGES {
            return Err(Exhausted::Changes.into());
        }
        self.effects.push(effect);
        Ok(())
    }

    pub(super) fn send(
        &mut self,
        new: NewCommand,
        has_secret: bool,
    ) -> wasmtime::Result<CommandId> {
        check_send(self, &new, has_secret)?;
        let id = self.next_id();
        let command = Command {
            id: id.clone(),
            action: new.action,
            options: new.options,
            status: Status::Pending,
            requested_at: self.situation.now,
            completed_at: None,
            expires_at: new.expires_at,
            late_outcome: None,
        };
        self.push(Effect::Send(command))?;
        Ok(id)
    }

    /// An id greater than that of the device's latest command, even if this host's clock went back or another host's is
    /// behind: the latest command of a device is the one with the greatest id.
    fn next_id(&self) -> CommandId {
        let id = Uuid::now_v7();
        let latest = self
            .situation
            .latest
            .as_ref()
            .and_then(|it| Uuid::parse_str(&it.id).ok());
        let Some(latest) = latest.filter(|latest| id <= *latest) else {
            return id.to_string();
        };
        let millisecond = latest.as_u64_pair().0 >> 16;
        let [_, _, _, _, _, _, random @ ..] = id.into_bytes();
        let later = uuid::Builder::from_unix_timestamp_millis(millisecond + 1, &random);
        later.into_uuid().to_string()
    }

    pub(super) fn complete(
        &mut self,
        command: CommandId,
        outcome: Outcome,
    ) -> wasmtime::Result<()> {
        let outcome = storable_outcome(outcome);
        check_complete(self, &command, &outcome)?;
        self.push(Effect::Complete { command, outcome })
    }

    pub(super) fn keep_late_outcome(
        &mut self,
        command: CommandId,
        outcome: DeviceOutcome,
    ) -> wasmtime::Result<()> {
        let outcome = storable_device_outcome(outcome);
        check_late_outcome(self, &command, &outcome)?;
        self.push(Effect::KeepLateOutcome { command, outcome })
    }

    pub(super) fn set_policy_override(&mut self, id: Option<CommandId>) -> wasmtime::Result<()> {
        if let Some(id) = &id {
            check_override(self, id)?;
        }
        let since = self.situation.now;
        let policy_override = id.map(|command| PolicyOverride { command, since });
        self.push(Effect::SetPolicyOverride(policy_override))
    }
}

fn storable_outcome(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Failed(Failure::Device(failure)) => {
            storable_device_outcome(DeviceOutcome::Failed(failure)).into()
        }
        Outcome::Failed(Failure::Superseded(id)) => {
            Outcome::Failed(Failure::Superseded(storable(id)))
        }
        other => other,
    }
}

fn storable_device_outcome(mut outcome: DeviceOutcome) -> DeviceOutcome {
    if let DeviceOutcome::Failed(DeviceFailure::Other(text)) = &mut outcome {
        *text = storable(mem::take(text));
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reset() -> NewCommand {
        NewCommand {
            action: Action::Reset,
            options: ResetOptions::empty(),
            expires_at: None,
        }
    }

    fn context() -> CallContext {
        let situation = Situation {
            device: Device {
                id: "device".into(),
                api_level: 34,
                agent_version: "6.9.0".into(),
                management_mode: ManagementMode::DeviceOwner,
                managed_profile: false,
                ownership: Ownership::Company,
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
            deployment: Deployment::default(),
            capabilities: Capabilities::android(),
            online: true,
            now: 7,
            password: None,
        };
        CallContext::new(situation, None, None)
    }

    #[test]
    fn a_command_comes_after_the_latest_one_also_if_the_clock_went_back_since() {
        let mut context = context();
        let in_the_year_2100 =
            uuid::Builder::from_unix_timestamp_millis(4_102_444_800_000, &[255; 10]);
        let latest = in_the_year_2100.into_uuid().to_string();
        let mut ids = vec![latest.clone()];
        context.send(reset(), true).unwrap();
        let sent = context.sent().next().cloned();
        context.situation.latest = sent;
        context.situation.latest.as_mut().unwrap().id = latest;
        context.effects.clear();
        for _ in 0..3 {
            ids.push(context.send(reset(), true).unwrap());
        }
        assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
    }

    /// With a pending reset.
    fn with_pending() -> (CallContext, CommandId) {
        let mut context = context();
        context.send(reset(), true).unwrap();
        let sent = context.sent().next().cloned();
        context.situation.pending = sent;
        let pending = context.situation.pending.clone();
        context.situation.latest = pending;
        context.effects.clear();
        let id = context.situation.pending.clone().unwrap().id;
        (context, id)
    }

    #[test]
    fn the_situation_stays_as_it_was_at_the_beginning_of_the_call() {
        let (mut context, first) = with_pending();
        let before = context.situation.clone();
        let second = context.send(reset(), true).unwrap();
        let superseded = Outcome::Failed(Failure::Superseded(second.clone()));
        context.complete(first.clone(), superseded).unwrap();
        let late = DeviceOutcome::Failed(DeviceFailure::UserLocked);
        context.keep_late_outcome(first.clone(), late).unwrap();
        context.set_policy_override(Some(first)).unwrap();
        assert_eq!(context.situation, before);
        assert_eq!(context.effects.len(), 4);
    }

    #[test]
    fn no_command_is_completed_twice_or_by_the_call_that_sent_it_and_none_of_another_device() {
        let (mut context, id) = with_pending();
        assert!(
            context
                .keep_late_outcome(id.clone(), DeviceOutcome::Success)
                .is_err()
        );
        context.complete(id.clone(), Outcome::Success).unwrap();
        assert!(context.complete(id, Outcome::Success).is_err());
        let sent = context.send(reset(), true).unwrap();
        assert!(context.complete(sent, Outcome::Success).is_err());
        assert!(
            context
                .complete("another's".into(), Outcome::Success)
                .is_err()
        );
        assert!(
            context
                .set_policy_override(Some("another's".into()))
                .is_err()
        );
        assert_eq!(context.effects.len(), 2);
    }
}
