//! Reset Password and Remove Password for all devices of a group: asked for here, decided by the plugin for each.

use super::{
    bulk,
    bulk_form_view::{self, BulkForm, Screen},
    error::PageError,
    form::Form,
    session::SignedIn,
    state::DashboardState,
};
use axum::{
    extract::Path,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use maud::Markup;
use mdm_contract::Action;
use mdm_server_core::{bulks::BulkRequest, error::ServerError};

pub(super) async fn page(
    signed_in: SignedIn,
    dashboard: DashboardState,
    Path((group, action)): Path<(String, String)>,
) -> Result<Markup, PageError> {
    let action = known(&action)?;
    screen(
        &dashboard,
        &signed_in,
        (&group, action),
        &BulkForm::new(),
        None,
    )
    .await
}

/// Previews the form as it is filled in. The script shows the preview before the user confirms.
pub(super) async fn preview(
    dashboard: DashboardState,
    Path((group, action)): Path<(String, String)>,
    Form(signed_in, form): Form<BulkForm>,
) -> Result<Markup, PageError> {
    let request = form.request(&group, known(&action)?);
    let preview = dashboard
        .server
        .bulks
        .preview(&signed_in.caller, &request)
        .await?;
    Ok(bulk_form_view::preview(&preview))
}

pub(super) async fn start(
    dashboard: DashboardState,
    Path((group, action)): Path<(String, String)>,
    Form(signed_in, form): Form<BulkForm>,
) -> Result<Response, PageError> {
    let action = known(&action)?;
    let request = form.request(&group, action);
    let fault = match dashboard
        .server
        .bulks
        .start(&signed_in.caller, request)
        .await
    {
        Ok(made) => return Ok(bulk::to(&made.id).into_response()),
        Err(
            error @ (ServerError::Refused(_)
            | ServerError::BadReason(_)
            | ServerError::BadRequest(_)
            | ServerError::GroupChanged(_)
            | ServerError::FormSentBefore { .. }),
        ) => error.to_string(),
        Err(error) => return Err(error.into()),
    };
    let again = screen(
        &dashboard,
        &signed_in,
        (&group, action),
        &form,
        Some(&fault),
    )
    .await?;
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
    dashboard: &DashboardState,
    signed_in: &SignedIn,
    (group, action): (&str, Action),
    form: &BulkForm,
    fault: Option<&str>,
) -> Result<Markup, PageError> {
    let request = BulkRequest {
        password: None,
        ..form.request(group, action)
    };
    let preview = dashboard
        .server
        .bulks
        .preview(&signed_in.caller, &request)
        .await?;
    let screen = Screen {
        group,
        action,
        preview: &preview,
        rule: dashboard.server.commands.password_rule(),
        form,
        fault,
    };
    Ok(bulk_form_view::view(signed_in, &screen))
}
