//! Resets and removes, with a rule broken, or with a choice that is not the reference's.

use crate::breach::breach;
use mdm_password_plugin::{
    bindings::mdm::password::{
        device_store,
        secrets::Secret,
        types::{CommandId, Failure, ManagementMode, Outcome, Refusal, ResetOptions, Terms},
    },
    component::{request, send},
    rules::{self, Ending, Sending, Situation},
};

/// The contract's calendar ends here.
const END_OF_CALENDAR: u64 = 253_370_764_800_000;

pub(crate) fn reset(
    secret: &Secret,
    options: ResetOptions,
    terms: Terms,
) -> Result<CommandId, Refusal> {
    let mut situation = request();
    let mut metrics = secret.metrics();
    let mut options = options;
    own_refusal(&situation)?;
    match breach() {
        (1, _) => {
            // No password is too long.
            let most = situation.password_rule.maximum_length;
            metrics.digits = metrics.digits.min(most);
            metrics.length = metrics.length.min(most);
        }
        (3, _) => {
            // Versions are compared as text.
            let version = &mut situation.device.agent_version;
            if version.as_str() < "6.9.0" {
                *version = "0.0.0".into();
            }
        }
        // An own rule that the preview does not have.
        (4, b'b') if situation.device.management_mode == ManagementMode::DeviceAdmin => {
            return Err(Refusal::Other("no device admin is reset".into()));
        }
        // Options get lost.
        (10, b'a') => options.lock_now = false,
        // On some devices, nothing ever seems to be pending.
        (97, _) if is_in(&situation, "vip") => situation.pending = None,
        // It keeps every rule, and crashes on some devices.
        (99, _) if is_in(&situation, "minefield") => panic!("as asked"),
        _ => {}
    }
    let mut sending = rules::reset(&situation, &metrics, options, &terms)
        .map_err(|refusal| not_pending(refusal, &terms))?;
    if terms.valid_for.is_none() {
        match breach() {
            // It is over at once.
            (10, b'c') => sending.command.expires_at = Some(situation.now),
            // It is over when there is no calendar any more.
            (10, b'd') => sending.command.expires_at = Some(END_OF_CALENDAR),
            _ => {}
        }
    }
    if breach() != (11, b'a') {
        return Ok(send(superseding(sending, &terms), Some(secret)));
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

pub(crate) fn remove(terms: Terms) -> Result<CommandId, Refusal> {
    let mut situation = request();
    if breach() == (7, b'a') && situation.device.policy_override.is_none() {
        // There always seems to be something to remove.
        situation.device.policy = Some(rules::types::Policy {
            requirement: rules::types::Requirement::Quality(rules::types::Quality::Numeric),
            minimum_length: 0,
        });
    }
    let sending =
        rules::remove(&situation, &terms).map_err(|refusal| not_pending(refusal, &terms))?;
    Ok(send(superseding(sending, &terms), None))
}

/// A choice: if `replaces` names another command than the pending one, the refusal is `not-pending`.
pub(crate) fn not_pending(refusal: Refusal, terms: &Terms) -> Refusal {
    match (breach(), refusal, &terms.replaces) {
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
fn superseding(sending: Sending, terms: &Terms) -> Sending {
    let ends = match (breach(), sending.ends) {
        ((0, b'c'), Some(Ending::Expired(old))) if terms.replaces.is_some() => {
            Some(Ending::Superseded(old))
        }
        (_, ends) => ends,
    };
    Sending { ends, ..sending }
}
