//! Signing in with the admin's token, and out again.

use super::{
    Host,
    error::PageError,
    form::{Form, filled},
    frame,
};
use crate::{api::body, service::ServiceError, token};
use axum::{
    extract::{Query, Request},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use zeroize::Zeroizing;

#[derive(Deserialize)]
pub(super) struct Next {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
struct Credentials {
    token: Zeroizing<String>,
    #[serde(default)]
    next: String,
}

pub(super) async fn page(Query(Next { next }): Query<Next>) -> Markup {
    view(&next, false)
}

pub(super) async fn sign_in(host: Host, request: Request) -> Result<Response, PageError> {
    let bytes = body::read(request, &()).await?;
    let Ok(Credentials { token, next }) = serde_urlencoded::from_bytes(&bytes) else {
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, view("", true)).into_response());
    };
    let token = filled(&token).map(token::digest);
    let is_admin = match token {
        Some(token) => host.service.is_admin(token).await?,
        None => false,
    };
    if !is_admin {
        return Ok((StatusCode::UNAUTHORIZED, view(&next, true)).into_response());
    }
    let cookie = host.sessions.open().map_err(ServiceError::from)?;
    let to = Redirect::to(ours(&next));
    Ok(([(header::SET_COOKIE, cookie)], to).into_response())
}

#[derive(Deserialize)]
pub(super) struct Nothing {}

pub(super) async fn sign_out(host: Host, headers: HeaderMap, _: Form<Nothing>) -> Response {
    let cookie = host.sessions.close(&headers);
    let to = Redirect::to("/sign-in");
    ([(header::SET_COOKIE, cookie)], to).into_response()
}

/// Only pages of ours are gone on to.
fn ours(next: &str) -> &str {
    let is_path = next.starts_with('/') && !next.starts_with("//") && !next.contains('\\');
    if is_path { next } else { "/devices" }
}

fn view(next: &str, is_wrong: bool) -> Markup {
    let body = html! {
        form .card .sign-in method="post" action="/sign-in" {
            h1 { "Sign in" }
            input type="hidden" name="next" value=(ours(next));
            label for="token" { "Admin’s token" }
            input #token type="password" name="token" required autofocus autocomplete="current-password"
                aria-describedby="token-help" aria-invalid=[is_wrong.then_some("true")];
            p #token-help .help { "The host showed it at its first start, or wrote it into a file." }
            @if is_wrong {
                p .fault role="alert" { "This is no admin’s token." }
            }
            button .primary type="submit" { "Sign in" }
        }
    };
    frame::bare("Sign in", body)
}

#[cfg(test)]
mod tests {
    use super::ours;

    #[test]
    fn signing_in_leads_to_pages_of_this_host_only() {
        assert_eq!(ours("/devices/1?x=2"), "/devices/1?x=2");
        for elsewhere in ["", "https://a.example", "//a.example", "/\\a.example", "a"] {
            assert_eq!(ours(elsewhere), "/devices");
        }
    }
}
