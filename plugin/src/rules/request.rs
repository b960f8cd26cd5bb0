//! Rules 1, 3, 7 and 11: the decision on a reset or a remove, and the command that it sends.

use super::{
    check_agent, effective_rule, faults, remove_offered, strongest,
    types::{Action, CommandId, NewCommand, Refusal, Request, ResetOptions, Situation, Timestamp},
};

/// An accepted request.
#[derive(Debug, PartialEq, Eq)]
pub struct Sending {
    /// The command to send.
    pub command: NewCommand,
    /// The pending command that this one ends.
    pub ends: Option<Ending>,
}

/// The end of a pending command that is replaced.
#[derive(Debug, PartialEq, Eq)]
pub enum Ending {
    /// It had expired.
    Expired(CommandId),
    /// The new command replaces it.
    Superseded(CommandId),
}

/// Decides on a reset. Without a password, it is judged for the strongest that the effective rule allows.
pub fn reset(situation: &Situation, request: &Request) -> Result<Sending, Refusal> {
    check_version(situation)?;
    let rule = effective_rule(situation);
    let password = situation.password.unwrap_or_else(|| strongest(&rule));
    let faults = faults(&rule, &password);
    if !faults.is_empty() {
        return Err(Refusal::PasswordRefused(faults));
    }
    sending(situation, Action::Reset, request.options, request)
}

/// Decides on a remove.
pub fn remove(situation: &Situation, request: &Request) -> Result<Sending, Refusal> {
    check_version(situation)?;
    if !remove_offered(&situation.device) {
        return Err(Refusal::NothingToRemove);
    }
    sending(situation, Action::Remove, ResetOptions::empty(), request)
}

fn check_version(situation: &Situation) -> Result<(), Refusal> {
    let minimum = &situation.deployment.minimum_agent_version;
    check_agent(&situation.device.agent_version, minimum)
}

fn sending(
    situation: &Situation,
    action: Action,
    options: ResetOptions,
    request: &Request,
) -> Result<Sending, Refusal> {
    Ok(Sending {
        ends: making_way(situation, request.replaces.as_ref())?,
        command: NewCommand {
            action,
            options,
            expires_at: expiry(situation.now, request.valid_for)?,
        },
    })
}

/// Rule 11: one pending command, unless the new command replaces it.
fn making_way(
    situation: &Situation,
    replaces: Option<&CommandId>,
) -> Result<Option<Ending>, Refusal> {
    let Some(pending) = &situation.pending else {
        return match replaces {
            Some(id) => Err(Refusal::NotPending(id.clone())),
            None => Ok(None),
        };
    };
    if replaces.is_some_and(|id| *id != pending.id) {
        return Err(Refusal::Conflict(pending.id.clone()));
    }
    if pending
        .expires_at
        .is_some_and(|expiry| expiry <= situation.now)
    {
        return Ok(Some(Ending::Expired(pending.id.clone())));
    }
    match replaces {
        Some(_) => Ok(Some(Ending::Superseded(pending.id.clone()))),
        None => Err(Refusal::Conflict(pending.id.clone())),
    }
}

/// The end of the contract's calendar: the beginning of the year 9999. RFC 3339 has no five-digit years, and libraries
/// differ on the last hours of 9999.
const END_OF_CALENDAR: Timestamp = 253_370_764_800_000;

fn expiry(now: Timestamp, valid_for: Option<u64>) -> Result<Option<Timestamp>, Refusal> {
    let Some(seconds) = valid_for else {
        return Ok(None);
    };
    seconds
        .checked_mul(1000)
        .and_then(|span| now.checked_add(span))
        .filter(|end| *end > now && *end < END_OF_CALENDAR)
        .map(Some)
        .ok_or(Refusal::BadValidity)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::samples::{command, metrics, request, situation};

    fn ask(situation: &Situation, request: &Request) -> Result<Sending, Refusal> {
        let situation = Situation {
            password: Some(metrics("1234")),
            ..situation.clone()
        };
        reset(&situation, request)
    }

    #[test]
    fn rule_3_an_agent_that_is_too_old_gets_neither_a_reset_nor_a_remove() {
        let mut situation = situation();
        situation.device.agent_version = "6.8.0".into();
        assert!(matches!(
            ask(&situation, &request()),
            Err(Refusal::AgentTooOld(_))
        ));
        assert!(matches!(
            remove(&situation, &request()),
            Err(Refusal::AgentTooOld(_))
        ));
    }

    #[test]
    fn rule_1_a_reset_without_a_password_is_refused_only_if_no_password_will_do() {
        let mut situation = situation();
        assert!(reset(&situation, &request()).is_ok());
        situation.capabilities.passwords.minimum_pin_length = 6;
        assert!(matches!(
            reset(&situation, &request()),
            Err(Refusal::PasswordRefused(_))
        ));
    }

    #[test]
    fn rule_7_a_remove_is_refused_when_there_is_nothing_to_remove() {
        assert_eq!(
            remove(&situation(), &request()),
            Err(Refusal::NothingToRemove)
        );
    }

    #[test]
    fn rule_10_a_reset_carries_its_options_and_its_expiry() {
        let request = Request {
            options: ResetOptions::LOCK_NOW,
            valid_for: Some(60),
            ..request()
        };
        let sending = ask(&situation(), &request).unwrap();
        assert_eq!(sending.command.options, ResetOptions::LOCK_NOW);
        assert_eq!(sending.command.expires_at, Some(situation().now + 60_000));
    }

    #[test]
    fn rule_10_a_validity_of_nothing_or_beyond_the_calendar_is_refused() {
        for seconds in [0, u64::MAX, u64::MAX / 1000, 300_000_000_000] {
            let request = Request {
                valid_for: Some(seconds),
                ..request()
            };
            assert_eq!(
                ask(&situation(), &request),
                Err(Refusal::BadValidity),
                "{seconds}"
            );
        }
    }

    #[test]
    fn rule_11_a_second_command_is_refused_and_the_pending_one_is_named() {
        let mut situation = situation();
        situation.pending = Some(command("a"));
        assert_eq!(
            ask(&situation, &request()),
            Err(Refusal::Conflict("a".into()))
        );
    }

    #[test]
    fn rule_11_a_command_that_names_the_pending_one_replaces_it() {
        let mut situation = situation();
        situation.pending = Some(command("a"));
        let replacing = |id: &str| Request {
            replaces: Some(id.into()),
            ..request()
        };
        let sending = ask(&situation, &replacing("a")).unwrap();
        assert_eq!(sending.ends, Some(Ending::Superseded("a".into())));
        assert_eq!(
            ask(&situation, &replacing("b")),
            Err(Refusal::Conflict("a".into())),
            "to name another command replaces nothing"
        );
        situation.pending = None;
        assert_eq!(
            ask(&situation, &replacing("a")),
            Err(Refusal::NotPending("a".into()))
        );
    }

    #[test]
    fn rule_11_a_command_whose_time_is_over_blocks_nobody() {
        let mut situation = situation();
        let mut pending = command("a");
        pending.expires_at = Some(situation.now);
        situation.pending = Some(pending);
        let sending = ask(&situation, &request()).unwrap();
        assert_eq!(sending.ends, Some(Ending::Expired("a".into())));
    }
}
