//! Resets and removes, with a rule broken, or with a choice that is not the reference's.

use crate::breach::breach;
use mdm_password_plugin::{
    bindings::mdm::password::{
        device_store,
        secrets::Secret,
        types::{
            CommandId, Failure, ManagementMode, Outcome, Refusal, Request, ResetOptions, Situation,
        },
    },
    component::send,
    rules::{self, Ending, Sending},
};

/// The contract's calendar ends here.
const END_OF_CALENDAR: u64 = 253_370_764_800_000;

pub(crate) fn reset(secret: &Secret, mut request: Request) -> Result<CommandId, Refusal> {
    let mut situation = device_store::get_situation();
    own_refusal(&situation)?;
    match breach() {
        (1, _) => {
            // No password is too long.
            let most = rules::effective_rule(&situation).maximum_length;
            if let Some(metrics) = &mut situation.password {
                metrics.digits = metrics.digits.min(most);
                metrics.length = metrics.length.min(most);
            }
        }
        (3, _) => {
            // Versions are compared as text.
            let version = &mut situation.device.agent_version;
            if *version < situation.deployment.minimum_agent_version {
                *version = "0.0.0".into();
            }
        }
        // An own rule that the preview does not have.
        (4, b'b') if situation.device.management_mode == ManagementMode::DeviceAdmin => {
            return Err(Refusal::Other("no device admin is reset".into()));
        }
        // Options get lost.
        (10, b'a') => request.options.remove(ResetOptions::LOCK_NOW),
        // On some devices, nothing ever seems to be pending.
        (97, _) if is_in(&situation, "vip") => situation.pending = None,
        // It keeps every rule, and crashes on some devices.
        (99, _) if is_in(&situation, "minefield") => panic!("as asked"),
        _ => {}
    }
    let mut sending =
        rules::reset(&situation, &request).map_err(|refusal| not_pending(refusal, &request))?;
    if request.valid_for.is_none() {
        match breach() {
            // It is over at once.
            (10, b'c') => sending.command.expires_at = Some(situation.now),
            // It is over when there is no calendar any more.
            (10, b'd') => sending.command.expires_at = Some(END_OF_CALENDAR),
            _ => {}
        }
    }
    if breach() != (11, b'a') {
        return Ok(send(superseding(sending, &request), Some(secret)));
    }
    // The replaced command ends as cancelled.
    let ends = sending.ends.take();
    let id = send(sending, Some(secret));
    if let Some(Ending::Superseded(old) | Ending::Expired(old)) = ends {
        device_store::complete(&old, &Outcome::Failed(Failure::Cancelled));
    }
    Ok(id)
}

fn is_in(situation: &Situation, group: &str) -> bool {
    situation.device.groups.iter().any(|it| it == group)
}

pub(crate) fn remove(request: Request) -> Result<CommandId, Refusal> {
    let mut situation = device_store::get_situation();
    if breach() == (7, b'a') && situation.device.policy_override.is_none() {
        // There always seems to be something to remove.
        situation.device.policy = Some(rules::types::Policy {
            requirement: rules::types::Requirement::Quality(rules::types::Quality::Numeric),
            minimum_length: 0,
        });
    }
    let sending =
        rules::remove(&situation, &request).map_err(|refusal| not_pending(refusal, &request))?;
    Ok(send(superseding(sending, &request), None))
}

/// A choice: if `replaces` names another command than the pending one, the refusal is `not-pending`.
pub(crate) fn not_pending(refusal: Refusal, request: &Request) -> Refusal {
    match (breach(), refusal, &request.replaces) {
        ((0, b'b'), Refusal::Conflict(_), Some(other)) => Refusal::NotPending(other.clone()),
        (_, refusal, _) => refusal,
    }
}

/// A choice: an own rule that takes precedence over all refusals.
pub(crate) fn own_refusal(situation: &Situation) -> Result<(), Refusal> {
    match (breach(), &situation.pending) {
        ((0, b'd'), Some(_)) => Err(Refusal::Other("complete the pending command first".into())),
        _ => Ok(()),
    }
}

/// A choice: a replaced command ends as superseded, even if it has expired.
fn superseding(sending: Sending, request: &Request) -> Sending {
    let ends = match (breach(), sending.ends) {
        ((0, b'c'), Some(Ending::Expired(old))) if request.replaces.is_some() => {
            Some(Ending::Superseded(old))
        }
        (_, ends) => ends,
    };
    Sending { ends, ..sending }
}
