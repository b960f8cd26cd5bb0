//! Reset Password: asked for here, decided by the plugin.

use super::{
    Host, device,
    error::PageError,
    form::{Form, Number, filled},
    reset_view::{self, Fault, Screen},
    session::SignedIn,
};
use axum::{
    extract::Path,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use maud::Markup;
use mdm_contract::{
    decisions::{Refusal, Terms},
    words::{Action, ResetOptions},
};
use mdm_password_host::password::Password;
use mdm_server_core::service::{AsSeen, Request, Reset, ServiceError, tag};
use serde::Deserialize;
use std::slice;
use zeroize::Zeroizing;

/// The form as it is sent. A box that is not ticked sends nothing.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Filled {
    seen: String,
    password: Zeroizing<String>,
    pub(super) reason: String,
    lock_now: Option<String>,
    require_entry: Option<String>,
    pub(super) replaces: Option<String>,
    pub(super) valid_for: Number,
}

impl Filled {
    /// The options that were ticked.
    pub(super) fn options(&self) -> ResetOptions {
        ResetOptions {
            lock_now: self.lock_now.is_some(),
            require_entry: self.require_entry.is_some(),
            no_credentials_on_boot: false,
        }
    }

    fn terms(&self) -> Terms {
        Terms {
            replaces: self.replaces.clone(),
            valid_for: self.valid_for.0,
        }
    }

    fn password(&self) -> Password {
        Password::new(self.password.clone())
    }

    fn reset(&self) -> Reset {
        Reset {
            password: self.password(),
            options: self.options(),
            terms: self.terms(),
            reason: filled(&self.reason).map(str::to_owned),
        }
    }

    /// What the form asks for, to be foretold.
    pub(super) fn request(&self) -> Request {
        Request {
            action: Action::Reset,
            password: (!self.password.is_empty()).then(|| self.password()),
            options: self.options(),
            terms: self.terms(),
        }
    }
}

pub(super) async fn page(
    signed_in: SignedIn,
    host: Host,
    Path(device): Path<String>,
) -> Result<Markup, PageError> {
    screen(&host, &signed_in, &device, &Filled::default(), &[]).await
}

/// What the form as it is filled in would come to: for the script, which shows it before CONFIRM.
pub(super) async fn outlook(
    host: Host,
    Path(device): Path<String>,
    Form(signed_in, form): Form<Filled>,
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
    Form(signed_in, form): Form<Filled>,
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
    form: &Filled,
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
