//! Reset Password and Remove Password for all devices of a group: asked for here, decided by the plugin for each.

use super::{
    Host, bulk,
    bulk_form_view::{self, Screen},
    error::PageError,
    form::{Form, Number, filled},
    session::SignedIn,
};
use axum::{
    extract::Path,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use maud::Markup;
use mdm_contract::words::{Action, ResetOptions};
use mdm_password_host::password::Password;
use mdm_server_core::{
    service::{BulkRequest, ServiceError},
    store::BulkTerms,
};
use serde::Deserialize;
use zeroize::Zeroizing;

/// The form as it is sent. A box that is not ticked sends nothing.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Filled {
    /// How many devices were in the group as the admin saw it.
    devices: String,
    /// `different` or `one`.
    passwords: String,
    password: Zeroizing<String>,
    pub(super) reason: String,
    lock_now: Option<String>,
    require_entry: Option<String>,
    replace_pending: Option<String>,
    pub(super) valid_for: Number,
}

impl Filled {
    fn new() -> Self {
        Self {
            passwords: "different".into(),
            ..Self::default()
        }
    }

    /// Whether each device gets a password of its own.
    pub(super) fn different_passwords(&self) -> bool {
        self.passwords != "one"
    }

    /// The options that were ticked.
    pub(super) fn options(&self) -> ResetOptions {
        ResetOptions {
            lock_now: self.lock_now.is_some(),
            require_entry: self.require_entry.is_some(),
            no_credentials_on_boot: false,
        }
    }

    /// The terms that were chosen.
    pub(super) fn terms(&self) -> BulkTerms {
        BulkTerms {
            replace_pending: self.replace_pending.is_some(),
            valid_for: self.valid_for.0,
        }
    }

    fn request(&self, group: &str, action: Action) -> BulkRequest {
        let is_reset = action == Action::Reset;
        let different_passwords = is_reset && self.different_passwords();
        let has_one = is_reset && !different_passwords && !self.password.is_empty();
        BulkRequest {
            action,
            group: group.to_owned(),
            password: has_one.then(|| Password::new(self.password.clone())),
            different_passwords,
            options: if is_reset {
                self.options()
            } else {
                ResetOptions::default()
            },
            terms: self.terms(),
            reason: filled(&self.reason).map(str::to_owned),
            // A form without the number is none of a page's: no group has so many.
            expected_devices: Some(self.devices.parse().unwrap_or(u64::MAX)),
        }
    }
}

pub(super) async fn page(
    signed_in: SignedIn,
    host: Host,
    Path((group, action)): Path<(String, String)>,
) -> Result<Markup, PageError> {
    let action = known(&action)?;
    screen(&host, &signed_in, (&group, action), &Filled::new(), None).await
}

/// What the form as it is filled in would come to: for the script, which shows it before CONFIRM.
pub(super) async fn outlook(
    host: Host,
    Path((group, action)): Path<(String, String)>,
    Form(signed_in, form): Form<Filled>,
) -> Result<Markup, PageError> {
    let request = form.request(&group, known(&action)?);
    let outlook = host
        .service
        .bulk_outlook(&signed_in.caller, &request)
        .await?;
    Ok(bulk_form_view::outlook(&outlook))
}

pub(super) async fn start(
    host: Host,
    Path((group, action)): Path<(String, String)>,
    Form(signed_in, form): Form<Filled>,
) -> Result<Response, PageError> {
    let action = known(&action)?;
    let request = form.request(&group, action);
    let fault = match host.service.start_bulk(&signed_in.caller, request).await {
        Ok(made) => return Ok(bulk::to(&made.id).into_response()),
        Err(
            error @ (ServiceError::Refused(_)
            | ServiceError::BadReason(_)
            | ServiceError::BadRequest(_)
            | ServiceError::GroupChanged(_)
            | ServiceError::FormSentBefore { .. }),
        ) => error.to_string(),
        Err(error) => return Err(error.into()),
    };
    let again = screen(&host, &signed_in, (&group, action), &form, Some(&fault)).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, again).into_response())
}

fn known(action: &str) -> Result<Action, PageError> {
    action.parse().map_err(|_| PageError::Failed {
        status: StatusCode::NOT_FOUND,
        detail: format!("there is no page {action} of a group"),
    })
}

/// The screen as the form was filled in, without the password: that is typed again.
async fn screen(
    host: &Host,
    signed_in: &SignedIn,
    (group, action): (&str, Action),
    form: &Filled,
    fault: Option<&str>,
) -> Result<Markup, PageError> {
    let request = BulkRequest {
        password: None,
        ..form.request(group, action)
    };
    let outlook = host
        .service
        .bulk_outlook(&signed_in.caller, &request)
        .await?;
    let screen = Screen {
        group,
        action,
        outlook: &outlook,
        rule: host.service.password_rule(),
        form,
        fault,
    };
    Ok(bulk_form_view::view(signed_in, &screen))
}
