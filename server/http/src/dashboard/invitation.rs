//! Choosing a password by the link that an admin has sent, or that the host has shown to its first admin.

use super::{
    error::PageError,
    frame::{self, sentence},
    state::DashboardState,
};
use crate::api::{auth::address, body};
use axum::{
    extract::{Path, Request},
    http::{StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use mdm_password_host::password::Password;
use mdm_server_core::{error::ServerError, token};
use serde::Deserialize;
use zeroize::Zeroizing;

#[derive(Default, Deserialize)]
#[serde(default)]
struct InvitationForm {
    password: Zeroizing<String>,
    again: Zeroizing<String>,
}

pub(super) async fn page(
    dashboard: DashboardState,
    Path(token): Path<String>,
) -> Result<Markup, PageError> {
    let user = dashboard
        .server
        .identity
        .invited(token::digest(&token))
        .await?;
    Ok(view(&token, &user, None))
}

pub(super) async fn accept(
    dashboard: DashboardState,
    Path(token): Path<String>,
    request: Request,
) -> Result<Response, PageError> {
    let address = address(request.extensions());
    let user = dashboard
        .server
        .identity
        .invited(token::digest(&token))
        .await?;
    let bytes = body::read(request, &()).await?;
    let form: InvitationForm = serde_urlencoded::from_bytes(&bytes).unwrap_or_default();
    let fault = if form.password != form.again {
        "the two passwords differ: type the same one twice".to_owned()
    } else {
        let password = Password::new(form.password);
        let accepted = dashboard
            .server
            .identity
            .accept_invitation(token::digest(&token), password, address)
            .await;
        match accepted {
            Ok(session) => {
                let cookie = dashboard.cookies.open(&session);
                let to = Redirect::to("/devices");
                return Ok(([(header::SET_COOKIE, cookie)], to).into_response());
            }
            Err(error @ ServerError::BadPassword(_)) => error.to_string(),
            Err(error) => return Err(error.into()),
        }
    };
    let again = view(&token, &user, Some(&fault));
    Ok((StatusCode::UNPROCESSABLE_ENTITY, again).into_response())
}

fn view(token: &str, user: &str, fault: Option<&str>) -> Markup {
    let is_wrong = fault.map(|_| "true");
    let body = html! {
        form .card .sign-in method="post" action={ "/invitation/" (token) } {
            h1 { "Choose a password" }
            p { "You sign in as " strong { (user) } "." }
            input type="hidden" name="username" autocomplete="username" value=(user);
            label for="password" { "Password" }
            input #password type="password" name="password" required autofocus minlength="12"
                autocomplete="new-password" aria-describedby="password-help fault" aria-invalid=[is_wrong];
            p #password-help .help { "12 characters or more, and not easily guessed: several words, for instance." }
            label for="again" { "Once more" }
            input #again type="password" name="again" required autocomplete="new-password"
                aria-describedby="fault" aria-invalid=[is_wrong];
            div #fault {
                @if let Some(fault) = fault { p .fault role="alert" { (sentence(fault)) } }
            }
            button .primary type="submit" { "Choose this password" }
        }
    };
    frame::bare("Choose a password", body)
}
