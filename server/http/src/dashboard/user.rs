//! The page of a user: role, device scope and actions.

use super::{
    error::PageError,
    form::Form,
    frame::sentence,
    page::{Page, form_token},
    scope::Devices,
    session::SignedIn,
    sign_in::Nothing,
    state::DashboardState,
    users::{faults, fields, invited},
};
use axum::{
    extract::Path,
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;

/// The form as it is sent.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct UserForm {
    role: String,
    #[serde(flatten)]
    devices: Devices,
}

pub(super) async fn page(
    signed_in: SignedIn,
    dashboard: DashboardState,
    Path(name): Path<String>,
) -> Result<Markup, PageError> {
    let user = dashboard
        .server
        .identity
        .managed_user(&signed_in.caller, &name)
        .await?;
    let form = UserForm {
        role: user.role.as_str().to_owned(),
        devices: Devices::of(&user.scope),
    };
    Ok(view(&signed_in, &name, &form, None))
}

pub(super) async fn change(
    dashboard: DashboardState,
    Path(name): Path<String>,
    Form(signed_in, form): Form<UserForm>,
) -> Result<Response, PageError> {
    let fault = match form.role.parse() {
        Err(error) => mdm_contract::text_enum::UnknownText::to_string(&error),
        Ok(role) => {
            let changed = dashboard
                .server
                .identity
                .change_user(&signed_in.caller, &name, role, form.devices.scope())
                .await;
            match changed {
                Ok(()) => return Ok(Redirect::to("/users").into_response()),
                Err(error) => faults(error)?,
            }
        }
    };
    let again = view(&signed_in, &name, &form, Some(&fault));
    Ok((StatusCode::UNPROCESSABLE_ENTITY, again).into_response())
}

pub(super) async fn invite_again(
    dashboard: DashboardState,
    Path(name): Path<String>,
    Form(signed_in, _): Form<Nothing>,
) -> Result<Markup, PageError> {
    let invitation = dashboard
        .server
        .identity
        .invite_again(&signed_in.caller, &name)
        .await?;
    Ok(invited(&signed_in, &invitation))
}

pub(super) async fn remove(
    dashboard: DashboardState,
    Path(name): Path<String>,
    Form(signed_in, _): Form<Nothing>,
) -> Result<Redirect, PageError> {
    dashboard
        .server
        .identity
        .remove_user(&signed_in.caller, &name)
        .await?;
    Ok(Redirect::to("/users"))
}

fn view(signed_in: &SignedIn, name: &str, form: &UserForm, fault: Option<&str>) -> Markup {
    let page = Page {
        title: name,
        place: "/users",
        live: None,
    };
    let content = html! {
        p .trail { a href="/users" { "Users" } }
        h1 { (name) }
        form .card method="post" action={ "/users/" (name) } {
            (form_token(signed_in))
            (fields(&form.role, &form.devices))
            div #fault {
                @if let Some(fault) = fault { p .fault role="alert" { (sentence(fault)) } }
            }
            div .buttons {
                button .primary type="submit" { "Save" }
                a .button href="/users" { "Back" }
            }
        }
        form .card method="post" action={ "/users/" (name) "/invitation" } {
            (form_token(signed_in))
            h2 { "A new password" }
            p {
                "Makes a link with which " (name) " chooses a new password. Once it is used, the former password "
                "and one-time passwords are invalid."
            }
            div .buttons { button type="submit" { "Make a link" } }
        }
        form .card method="post" action={ "/users/" (name) "/remove" } {
            (form_token(signed_in))
            h2 { "Remove" }
            p {
                "All sessions of " (name) " end, and all tokens of " (name) " are revoked: give a token that is still "
                "needed a new owner, on the page " a href="/tokens" { "Tokens" } ". The audit trail keeps all entries."
            }
            div .buttons { button .danger type="submit" { "Remove " (name) } }
        }
    };
    page.with(signed_in, content)
}
