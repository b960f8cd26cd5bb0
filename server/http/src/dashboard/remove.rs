//! Remove Password: confirmed here, decided by the plugin.

use super::{
    device,
    error::PageError,
    form::{Form, filled},
    frame::sentence,
    page::{Page, form_token},
    preview,
    session::SignedIn,
    state::DashboardState,
    texts,
};
use axum::{
    extract::Path,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use maud::{Markup, html};
use mdm_contract::{Action, ResetOptions};
use mdm_server_core::{
    commands::{CommandTerms, PreviewQuery},
    error::ServerError,
    precondition::{Precondition, etag},
};
use serde::Deserialize;
use std::slice;

/// The form as it is sent.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RemoveForm {
    seen: String,
    reason: String,
    replaces: Option<String>,
}

impl RemoveForm {
    fn terms(&self) -> CommandTerms {
        CommandTerms {
            replaces: self.replaces.clone(),
            valid_for: None,
        }
    }
}

pub(super) async fn page(
    signed_in: SignedIn,
    dashboard: DashboardState,
    Path(device): Path<String>,
) -> Result<Markup, PageError> {
    screen(
        &dashboard,
        &signed_in,
        &device,
        &RemoveForm::default(),
        None,
    )
    .await
}

pub(super) async fn remove(
    dashboard: DashboardState,
    Path(device): Path<String>,
    Form(signed_in, form): Form<RemoveForm>,
) -> Result<Response, PageError> {
    let seen = Precondition::new(&device, Some(slice::from_ref(&form.seen)));
    let reason = filled(&form.reason).map(str::to_owned);
    let made = dashboard
        .server
        .commands
        .remove(&signed_in.caller, seen, form.terms(), reason);
    let fault = match made.await {
        Ok(_) => return Ok(device::to(&device).into_response()),
        Err(ServerError::DeviceChanged(_)) => {
            "the device has changed since you opened this page: look at the preview again, and confirm if you \
             still want to"
                .to_owned()
        }
        Err(
            error @ (ServerError::Refused(_)
            | ServerError::BadReason(_)
            | ServerError::FormSentBefore { .. }),
        ) => error.to_string(),
        Err(error) => return Err(error.into()),
    };
    let again = screen(&dashboard, &signed_in, &device, &form, Some(&fault)).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, again).into_response())
}

async fn screen(
    dashboard: &DashboardState,
    signed_in: &SignedIn,
    device: &str,
    form: &RemoveForm,
    fault: Option<&str>,
) -> Result<Markup, PageError> {
    let snapshot = dashboard
        .server
        .devices
        .trusted(&signed_in.caller, device)
        .await?;
    let request = PreviewQuery {
        action: Action::Remove,
        password: None,
        options: ResetOptions::default(),
        terms: form.terms(),
        reason: filled(&form.reason).map(str::to_owned),
    };
    let told = dashboard
        .server
        .commands
        .preview(&signed_in.caller, device, request)
        .await;
    let (id, name) = (&snapshot.device.id, &snapshot.name);
    let page = Page {
        title: &format!("Remove Password · {name}"),
        place: "/devices",
        live: None,
    };
    let content = html! {
        p .trail { a href="/devices" { "Devices" } " / " a href={ "/devices/" (id) } { (name) } }
        h1 { "Remove Password" }
        @if let Some(fault) = fault { p .fault role="alert" { (sentence(fault)) } }
        form .card method="post" action={ "/devices/" (id) "/remove" } {
            (form_token(signed_in))
            input type="hidden" name="seen" value=(etag(&snapshot));
            p {
                "The password on the device is cleared. The override of the policy ends: an applied policy is "
                "enforced again, and the user is asked to set a password that meets it."
            }
            label for="reason" { "Reason " span .quiet { "(optional, for the audit trail)" } }
            input #reason type="text" name="reason" maxlength="200" value=(form.reason);
            @if let Some(pending) = &snapshot.pending {
                label .check {
                    input type="checkbox" name="replaces" value=(pending.id)
                        checked[form.replaces.as_ref() == Some(&pending.id)];
                    span {
                        "Replace the pending command"
                        small {
                            (texts::action(pending.action)) ", asked for " (texts::time(pending.requested_at))
                        }
                    }
                }
            }
            section .preview aria-labelledby="preview-title" {
                h2 #preview-title { "Preview for " (name) }
                (preview::view(&told))
            }
            div .buttons {
                button .primary type="submit" { "CONFIRM" }
                a .button href={ "/devices/" (id) } { "Back" }
            }
        }
    };
    Ok(page.with(signed_in, content))
}
