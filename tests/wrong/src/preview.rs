//! Previews, with a rule broken, or with a choice that is not the reference's.

use crate::{
    breach::breach,
    request::{not_pending, own_refusal},
};
use mdm_password_plugin::{
    bindings::mdm::password::{
        device_store::get_situation,
        secrets::Secret,
        types::{
            Action, DevicePreview, Note, Policy, Quality, Refusal, Request, Requirement,
            TokenState, Verdict, Wait,
        },
    },
    component,
};

pub(crate) fn preview(
    action: Action,
    secret: Option<&Secret>,
    mut request: Request,
) -> DevicePreview {
    let mut situation = get_situation();
    let honest = component::preview(&situation, action, secret, &request);
    match breach() {
        // It ignores the validity.
        (10, b'e') => request.valid_for = None,
        // It ignores `replaces`.
        (11, b'b') => request.replaces = None,
        // It takes every token for active.
        (12, b'a') => situation.device.condition.token = TokenState::Active,
        _ => {}
    }
    if let Some(policy) = &mut situation.device.condition.other_admin_policy {
        *policy = misread(*policy);
    }
    let mut preview = component::preview(&situation, action, secret, &request);
    preview.notes = honest.notes;
    preview
        .notes
        .retain(|note| !is_left_out(note, action, &preview.verdict));
    let own = match breach() {
        (0, b'd') if action == Action::Reset => own_refusal(&situation).err(),
        // An own rule that the reset does not have.
        (12, b'b') if action == Action::Reset && !situation.device.condition.secure_lock_screen => {
            Some(Refusal::Other("it has no lock screen".into()))
        }
        _ => None,
    };
    if let Some(refusal) = own {
        preview.remedy = None;
        preview.verdict = Verdict::WouldBeRefused(refusal);
    }
    if let Verdict::WouldBeRefused(refusal) = preview.verdict {
        preview.verdict = Verdict::WouldBeRefused(not_pending(refusal, &request));
    }
    preview
}

/// Another admin's policy, read with other password classes than Android's.
fn misread(policy: Policy) -> Policy {
    let Policy {
        requirement,
        minimum_length,
    } = policy;
    let (requirement, minimum_length) = match (breach(), requirement) {
        // Sequences are allowed.
        ((12, b'd'), Requirement::Quality(Quality::NumericComplex)) => {
            (Requirement::Quality(Quality::Numeric), minimum_length)
        }
        // A letter does for a letter and a digit, and for a symbol.
        ((12, b'e'), Requirement::Quality(Quality::Alphanumeric)) => {
            (Requirement::Quality(Quality::Numeric), minimum_length)
        }
        ((12, b'f'), Requirement::Quality(Quality::Complex)) => {
            (Requirement::Quality(Quality::Alphanumeric), minimum_length)
        }
        // A letter is not asked for.
        ((12, b'g'), Requirement::Quality(Quality::Alphabetic)) => {
            (Requirement::Quality(Quality::Numeric), minimum_length)
        }
        // One character less will do.
        ((12, b'h'), Requirement::Quality(_)) => (requirement, minimum_length.saturating_sub(1)),
        // A complexity has a minimum length.
        ((12, b'i'), Requirement::Complexity(_)) if minimum_length > 0 => {
            (Requirement::Quality(Quality::Numeric), minimum_length)
        }
        _ => (requirement, minimum_length),
    };
    Policy {
        requirement,
        minimum_length,
    }
}

/// Leaves out notes that apply.
fn is_left_out(note: &Note, action: Action, verdict: &Verdict) -> bool {
    match (breach(), note) {
        ((4, b'a'), Note::BestEffort) => true,
        ((10, b'b'), Note::NoExpiry) => action == Action::Remove,
        ((12, b'c'), Note::DeviceOffline(_)) => matches!(
            verdict,
            Verdict::WouldBeRefused(_) | Verdict::WillWait(Wait::UserMustUnlock)
        ),
        _ => false,
    }
}
