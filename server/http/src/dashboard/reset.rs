//! Reset Password: asked for here, decided by the plugin.

use super::{
    device,
    error::PageError,
    form::Form,
    reset_view::{self, Fault, ResetForm, Screen},
    session::SignedIn,
    state::DashboardState,
};
use axum::{
    extract::Path,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use maud::Markup;
use mdm_contract::Refusal;
use mdm_server_core::{
    commands::PreviewQuery,
    error::ServerError,
    precondition::{Precondition, etag},
};
use std::slice;

pub(super) async fn page(
    signed_in: SignedIn,
    dashboard: DashboardState,
    Path(device): Path<String>,
) -> Result<Markup, PageError> {
    screen(&dashboard, &signed_in, &device, &ResetForm::default(), &[]).await
}

/// Previews the form as it is filled in. The script shows the preview before the user confirms.
pub(super) async fn preview(
    dashboard: DashboardState,
    Path(device): Path<String>,
    Form(signed_in, form): Form<ResetForm>,
) -> Markup {
    super::preview::view(
        &dashboard
            .server
            .commands
            .preview(&signed_in.caller, &device, form.request())
            .await,
    )
}

pub(super) async fn reset(
    dashboard: DashboardState,
    Path(device): Path<String>,
    Form(signed_in, form): Form<ResetForm>,
) -> Result<Response, PageError> {
    let seen = Precondition::new(&device, Some(slice::from_ref(&form.seen)));
    let reset = form.reset();
    let made = dashboard
        .server
        .commands
        .reset(&signed_in.caller, seen, &reset)
        .await;
    let faults = match made {
        Ok(_) => return Ok(device::to(&device).into_response()),
        Err(ServerError::DeviceChanged(_)) => vec![Fault::Changed],
        Err(ServerError::Refused(refusal)) => faults(refusal),
        Err(error @ ServerError::BadReason(_)) => {
            vec![Fault::Reason(error.to_string())]
        }
        Err(error @ ServerError::FormSentBefore { .. }) => vec![Fault::Whole(error.to_string())],
        Err(error) => return Err(error.into()),
    };
    let again = screen(&dashboard, &signed_in, &device, &form, &faults).await?;
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
    dashboard: &DashboardState,
    signed_in: &SignedIn,
    device: &str,
    form: &ResetForm,
    faults: &[Fault],
) -> Result<Markup, PageError> {
    let server = &dashboard.server;
    let snapshot = server.devices.trusted(&signed_in.caller, device).await?;
    let request = PreviewQuery {
        password: None,
        ..form.request()
    };
    let screen = Screen {
        seen: etag(&snapshot),
        preview: server
            .commands
            .preview(&signed_in.caller, device, request)
            .await,
        rule: server.commands.password_rule(),
        snapshot: &snapshot,
        form,
        faults,
    };
    Ok(reset_view::view(signed_in, &screen))
}
