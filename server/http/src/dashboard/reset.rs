//! Reset Password: asked for here, decided by the plugin.

use super::{
    device,
    error::PageError,
    form::Form,
    reset_view::{self, Fault, ResetForm, Screen},
    session::SignedIn,
    state::Host,
};
use axum::{
    extract::Path,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use maud::Markup;
use mdm_contract::decisions::Refusal;
use mdm_server_core::service::{AsSeen, Request, ServiceError, tag};
use std::slice;

pub(super) async fn page(
    signed_in: SignedIn,
    host: Host,
    Path(device): Path<String>,
) -> Result<Markup, PageError> {
    screen(&host, &signed_in, &device, &ResetForm::default(), &[]).await
}

/// What the form as it is filled in would come to: for the script, which shows it before CONFIRM.
pub(super) async fn outlook(
    host: Host,
    Path(device): Path<String>,
    Form(signed_in, form): Form<ResetForm>,
) -> Markup {
    super::outlook::view(
        &host
            .service
            .outlook(&signed_in.caller, &device, form.request())
            .await,
    )
}

pub(super) async fn reset(
    host: Host,
    Path(device): Path<String>,
    Form(signed_in, form): Form<ResetForm>,
) -> Result<Response, PageError> {
    let seen = AsSeen::new(&device, Some(slice::from_ref(&form.seen)));
    let reset = form.reset();
    let made = host.service.reset(&signed_in.caller, seen, &reset).await;
    let faults = match made {
        Ok(_) => return Ok(device::to(&device).into_response()),
        Err(ServiceError::DeviceChanged(_)) => vec![Fault::Changed],
        Err(ServiceError::Refused(refusal)) => faults(refusal),
        Err(error @ ServiceError::BadReason(_)) => {
            vec![Fault::Reason(error.to_string())]
        }
        Err(error @ ServiceError::FormSentBefore { .. }) => vec![Fault::Whole(error.to_string())],
        Err(error) => return Err(error.into()),
    };
    let again = screen(&host, &signed_in, &device, &form, &faults).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, again).into_response())
}

/// Each refusal beside the field that it is about.
fn faults(refusal: Refusal) -> Vec<Fault> {
    match refusal {
        Refusal::PasswordRefused(faults) => faults
            .iter()
            .map(|fault| Fault::Password(fault.to_string()))
            .collect(),
        Refusal::BadValidity => vec![Fault::Validity(refusal.to_string())],
        Refusal::Conflict(_) => vec![Fault::Pending(refusal.to_string())],
        refusal => vec![Fault::Whole(refusal.to_string())],
    }
}

/// The screen as the form was filled in, without the password: that is typed again.
async fn screen(
    host: &Host,
    signed_in: &SignedIn,
    device: &str,
    form: &ResetForm,
    faults: &[Fault],
) -> Result<Markup, PageError> {
    let service = &host.service;
    let snapshot = service.trusted_device(&signed_in.caller, device).await?;
    let request = Request {
        password: None,
        ..form.request()
    };
    let screen = Screen {
        seen: tag(&snapshot),
        outlook: service.outlook(&signed_in.caller, device, request).await,
        rule: service.password_rule(),
        snapshot: &snapshot,
        form,
        faults,
    };
    Ok(reset_view::view(signed_in, &screen))
}
