//! Rules 2, 6, 8 and 11: a command gets one outcome, which may begin or end the policy override.

use super::types::{
    Action, Command, CommandId, DeviceOutcome, Failure, Outcome, Refusal, ReportEffect, Status,
    Timestamp,
};

/// The outcome of an expired command.
pub const EXPIRED: Outcome = Outcome::Failed(Failure::Expired);

/// The outcome of a replaced command.
pub fn superseded_by(command: &CommandId) -> Outcome {
    Outcome::Failed(Failure::Superseded(command.clone()))
}

/// The change of the policy override.
#[derive(Debug, PartialEq, Eq)]
pub enum OverrideChange {
    /// A password was set from the dashboard.
    Begins,
    /// It was removed.
    Ends,
    /// It stays as it is.
    None,
}

/// The outcome of a command by the report of its device.
pub fn reported(outcome: DeviceOutcome) -> Outcome {
    match outcome {
        DeviceOutcome::Success => Outcome::Success,
        DeviceOutcome::Failed(failure) => Outcome::Failed(Failure::Device(failure)),
    }
}

/// The effect of a report: the first outcome completes the command, the same again changes nothing, and another one is
/// kept as a late outcome.
pub fn report_effect(command: &Command, outcome: &DeviceOutcome) -> ReportEffect {
    let is_completed_so = match (&command.status, outcome) {
        (Status::Pending, _) => return ReportEffect::Completed,
        (Status::Success, DeviceOutcome::Success) => true,
        (Status::Failed(Failure::Device(failure)), DeviceOutcome::Failed(reported)) => {
            failure == reported
        }
        _ => false,
    };
    if is_completed_so || Some(outcome) == command.late_outcome.as_ref() {
        ReportEffect::Repeated
    } else {
        ReportEffect::Late
    }
}

/// Rules 6 and 8: the success of a reset begins the override, that of a remove ends it, and a failure
/// changes nothing; also when the report comes late, because the device's real state wins.
pub fn override_change(action: Action, outcome: &DeviceOutcome) -> OverrideChange {
    match (action, outcome) {
        (Action::Reset, DeviceOutcome::Success) => OverrideChange::Begins,
        (Action::Remove, DeviceOutcome::Success) => OverrideChange::Ends,
        (_, DeviceOutcome::Failed(_)) => OverrideChange::None,
    }
}

/// Cancels a pending command, for an admin.
pub fn cancel(command: &Command) -> Result<Outcome, Refusal> {
    ensure_pending(command)?;
    Ok(Outcome::Failed(Failure::Cancelled))
}

/// Ends a command after its expiry.
pub fn expire(command: &Command, now: Timestamp) -> Result<Outcome, Refusal> {
    ensure_pending(command)?;
    match command.expires_at {
        Some(expiry) if expiry <= now => Ok(EXPIRED),
        _ => Err(Refusal::NotExpired(command.id.clone())),
    }
}

fn ensure_pending(command: &Command) -> Result<(), Refusal> {
    match command.status {
        Status::Pending => Ok(()),
        _ => Err(Refusal::NotPending(command.id.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{samples::command, types::DeviceFailure};

    const LOCKED: DeviceOutcome = DeviceOutcome::Failed(DeviceFailure::UserLocked);

    fn with_status(status: Status) -> Command {
        Command {
            status,
            ..command("a")
        }
    }

    #[test]
    fn rule_2_the_first_outcome_completes_a_command_and_it_is_the_last() {
        assert_eq!(
            report_effect(&command("a"), &DeviceOutcome::Success),
            ReportEffect::Completed
        );
        let done = with_status(Status::Success);
        assert_eq!(
            report_effect(&done, &DeviceOutcome::Success),
            ReportEffect::Repeated
        );
        assert_eq!(report_effect(&done, &LOCKED), ReportEffect::Late);
        assert_eq!(cancel(&done), Err(Refusal::NotPending("a".into())));
        assert_eq!(
            expire(&done, u64::MAX),
            Err(Refusal::NotPending("a".into()))
        );
    }

    #[test]
    fn rule_2_the_failure_of_a_device_is_repeated_if_it_is_the_same() {
        let locked = Failure::Device(DeviceFailure::UserLocked);
        let failed = with_status(Status::Failed(locked.clone()));
        assert_eq!(reported(LOCKED), Outcome::Failed(locked));
        assert_eq!(report_effect(&failed, &LOCKED), ReportEffect::Repeated);
        let other = DeviceOutcome::Failed(DeviceFailure::TokenInvalid);
        assert_eq!(report_effect(&failed, &other), ReportEffect::Late);
    }

    #[test]
    fn rule_6_only_the_success_of_a_reset_begins_the_override() {
        assert_eq!(
            override_change(Action::Reset, &DeviceOutcome::Success),
            OverrideChange::Begins
        );
        assert_eq!(
            override_change(Action::Reset, &LOCKED),
            OverrideChange::None
        );
    }

    #[test]
    fn rule_8_only_the_success_of_a_remove_ends_it() {
        assert_eq!(
            override_change(Action::Remove, &DeviceOutcome::Success),
            OverrideChange::Ends
        );
        assert_eq!(
            override_change(Action::Remove, &LOCKED),
            OverrideChange::None
        );
    }

    #[test]
    fn rule_11_an_admin_can_cancel_a_pending_command() {
        assert_eq!(
            cancel(&command("a")),
            Ok(Outcome::Failed(Failure::Cancelled))
        );
    }

    #[test]
    fn rule_11_a_command_expires_when_its_time_is_over_and_not_before() {
        let mut timed = command("a");
        assert_eq!(
            expire(&timed, u64::MAX),
            Err(Refusal::NotExpired("a".into()))
        );
        timed.expires_at = Some(10);
        assert_eq!(expire(&timed, 9), Err(Refusal::NotExpired("a".into())));
        assert_eq!(expire(&timed, 10), Ok(EXPIRED));
    }

    #[test]
    fn rule_11_an_outcome_after_the_end_is_late_and_the_same_again_is_repeated() {
        let mut cancelled = with_status(Status::Failed(Failure::Cancelled));
        assert_eq!(
            report_effect(&cancelled, &DeviceOutcome::Success),
            ReportEffect::Late
        );
        cancelled.late_outcome = Some(DeviceOutcome::Success);
        assert_eq!(
            report_effect(&cancelled, &DeviceOutcome::Success),
            ReportEffect::Repeated
        );
    }
}
