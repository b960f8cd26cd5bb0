//! The page of users, with the form for a new one.

use super::{
    error::PageError,
    form::Form,
    frame::sentence,
    page::{Page, form_token},
    scope::Devices,
    session::SignedIn,
    state::DashboardState,
    texts,
};
use axum::{
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use maud::{Markup, html};
use mdm_server_core::{access::Role, error::ServerError, identity::Invitation};
use serde::Deserialize;

/// The form as it is sent.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct NewUserForm {
    name: String,
    role: String,
    #[serde(flatten)]
    devices: Devices,
}

pub(super) async fn page(
    signed_in: SignedIn,
    dashboard: DashboardState,
) -> Result<Markup, PageError> {
    let form = NewUserForm {
        role: Role::Helpdesk.as_str().to_owned(),
        ..NewUserForm::default()
    };
    view(&dashboard, &signed_in, &form, None).await
}

pub(super) async fn add(
    dashboard: DashboardState,
    Form(signed_in, form): Form<NewUserForm>,
) -> Result<Response, PageError> {
    let fault = match form.role.parse() {
        Err(error) => mdm_contract::text_enum::UnknownText::to_string(&error),
        Ok(role) => {
            let made = dashboard
                .server
                .identity
                .add_user(
                    &signed_in.caller,
                    form.name.trim(),
                    role,
                    form.devices.scope(),
                )
                .await;
            match made {
                Ok(invitation) => return Ok(invited(&signed_in, &invitation).into_response()),
                Err(error) => faults(error)?,
            }
        }
    };
    let again = view(&dashboard, &signed_in, &form, Some(&fault)).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, again).into_response())
}

/// The error of a form that the user can correct.
pub(super) fn faults(error: ServerError) -> Result<String, PageError> {
    match error {
        ServerError::NameTaken(_)
        | ServerError::BadName(_)
        | ServerError::BadRequest(_)
        | ServerError::UnknownUser(_)
        | ServerError::Forbidden(_)
        | ServerError::LastAdmin(_) => Ok(error.to_string()),
        error => Err(error.into()),
    }
}

/// The fields of a role and its groups.
pub(super) fn fields(role: &str, devices: &Devices) -> Markup {
    html! {
        fieldset {
            legend { "Role" }
            @for it in Role::ALL {
                label .check {
                    input type="radio" name="role" value=(it) required checked[role == it.as_str()];
                    span { (it) small { (sentence(it.meaning())) } }
                }
            }
        }
        (devices.fields())
    }
}

/// The link, which is shown this once.
pub(super) fn invited(signed_in: &SignedIn, invitation: &Invitation) -> Markup {
    let page = Page {
        title: "Invitation",
        place: "/users",
        live: None,
    };
    let content = html! {
        p .trail { a href="/users" { "Users" } }
        h1 { "An invitation for " (invitation.user) }
        section .card {
            p {
                "Give this link to " strong { (invitation.user) } " in a safe way. It sets a new password, and works "
                "once. It is not shown again, and expires " (texts::time(invitation.expires_at)) "."
            }
            @let path = invitation.path();
            @match invitation.url() {
                Some(url) => p { a #link href=(url) { code { (url) } } },
                None => p { a #link href=(path) data-whole { code { (path) } } },
            }
        }
    };
    page.with(signed_in, content)
}

async fn view(
    dashboard: &DashboardState,
    signed_in: &SignedIn,
    form: &NewUserForm,
    fault: Option<&str>,
) -> Result<Markup, PageError> {
    let users = dashboard.server.identity.users(&signed_in.caller).await?;
    let page = Page {
        title: "Users",
        place: "/users",
        live: None,
    };
    let content = html! {
        h1 { "Users" }
        section .card .scroll tabindex="0" aria-label="Users" {
            table .stacked {
                thead { tr { th { "Name" } th { "Role" } th { "Devices" } th { "Signs in with" } th { "Since" } } }
                tbody {
                    @for user in &users {
                        tr {
                            td data-head="Name" { a href={ "/users/" (user.name) } { (user.name) } }
                            td data-head="Role" { (user.role) }
                            td data-head="Devices" { (user.scope) }
                            td data-head="Signs in with" {
                                @match (&user.password, &user.totp) {
                                    (None, _) => "nothing yet: invited",
                                    (Some(_), None) => "a password",
                                    (Some(_), Some(_)) => "a password and a code",
                                }
                            }
                            td data-head="Since" { (texts::time(user.created_at)) }
                        }
                    }
                }
            }
        }
        form .card method="post" action="/users" {
            (form_token(signed_in))
            h2 { "Add a user" }
            label for="name" { "Name" }
            input #name type="text" name="name" required maxlength="64" value=(form.name) autocapitalize="off"
                spellcheck="false" aria-describedby="fault" aria-invalid=[fault.map(|_| "true")];
            (fields(&form.role, &form.devices))
            div #fault {
                @if let Some(fault) = fault { p .fault role="alert" { (sentence(fault)) } }
            }
            div .buttons { button .primary type="submit" { "Add user" } }
        }
    };
    Ok(page.with(signed_in, content))
}
