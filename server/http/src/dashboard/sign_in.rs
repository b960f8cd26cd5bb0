//! Signing in by name and password, and out again.

use super::{
    error::PageError,
    form::{Form, filled},
    frame::{self, sentence},
    state::DashboardState,
};
use crate::api::{auth::address, body};
use axum::{
    extract::{Query, Request},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use mdm_server_core::{
    identity::{SignIn, SignInError},
    token,
};
use serde::Deserialize;
use zeroize::Zeroizing;

#[derive(Deserialize)]
pub(super) struct Next {
    #[serde(default)]
    next: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SignInForm {
    name: String,
    password: Zeroizing<String>,
    code: String,
    next: String,
}

pub(super) async fn page(Query(Next { next }): Query<Next>) -> Markup {
    let form = SignInForm {
        next,
        ..SignInForm::default()
    };
    view(&form, None)
}

pub(super) async fn sign_in(
    dashboard: DashboardState,
    request: Request,
) -> Result<Response, PageError> {
    let address = address(request.extensions());
    let bytes = body::read(request, &()).await?;
    let form: SignInForm = serde_urlencoded::from_bytes(&bytes).unwrap_or_default();
    let sign_in = SignIn {
        name: form.name.trim().to_owned(),
        password: form.password.clone(),
        code: filled(&form.code).map(str::to_owned),
    };
    let token = match dashboard.server.identity.sign_in(sign_in, address).await {
        Ok(token) => token,
        Err(SignInError::Failed(error)) => return Err(error.into()),
        Err(error) => {
            let status = match error {
                SignInError::TooOften => StatusCode::TOO_MANY_REQUESTS,
                _ => StatusCode::UNAUTHORIZED,
            };
            return Ok((status, view(&form, Some(&error))).into_response());
        }
    };
    let cookie = dashboard.cookies.open(&token);
    let to = Redirect::to(ours(&form.next));
    Ok(([(header::SET_COOKIE, cookie)], to).into_response())
}

#[derive(Deserialize)]
pub(super) struct Nothing {}

pub(super) async fn sign_out(
    dashboard: DashboardState,
    headers: HeaderMap,
    _: Form<Nothing>,
) -> Result<Response, PageError> {
    if let Some(token) = dashboard.cookies.token(&headers) {
        dashboard
            .server
            .identity
            .sign_out(token::digest(&token))
            .await?;
    }
    let cookie = dashboard.cookies.close();
    let to = Redirect::to("/sign-in");
    Ok(([(header::SET_COOKIE, cookie)], to).into_response())
}

/// Only pages of ours are gone on to.
fn ours(next: &str) -> &str {
    // Browsers leave control characters out, and take a backslash for a slash.
    let is_strange = |it: char| it.is_control() || it == '\\';
    let is_path = next.starts_with('/') && !next.starts_with("//") && !next.contains(is_strange);
    if is_path { next } else { "/devices" }
}

/// The code is asked for once the password was right, and the password is typed again with it: it is in no page.
fn view(form: &SignInForm, error: Option<&SignInError>) -> Markup {
    let is_code = matches!(
        error,
        Some(SignInError::CodeMissing | SignInError::CodeWrong)
    );
    let is_wrong = matches!(error, Some(SignInError::Wrong | SignInError::TooOften));
    let body = html! {
        form .card .sign-in method="post" action="/sign-in" {
            h1 { "Sign in" }
            input type="hidden" name="next" value=(ours(&form.next));
            label for="name" { "Name" }
            input #name type="text" name="name" required autofocus[form.name.is_empty()] value=(form.name)
                autocomplete="username" autocapitalize="off" spellcheck="false";
            label for="password" { "Password" }
            input #password type="password" name="password" required autofocus[!form.name.is_empty()]
                autocomplete="current-password" aria-describedby="fault"
                aria-invalid=[is_wrong.then_some("true")];
            @if is_code {
                label for="code" { "Code" }
                input #code type="text" name="code" required inputmode="numeric" autocomplete="one-time-code"
                    aria-describedby="code-help fault";
                p #code-help .help { "Your authenticator app shows it. Type the password again, too." }
            }
            div #fault {
                @if let Some(error) = error {
                    p .fault role="alert" { (sentence(&error.to_string())) }
                }
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
        for elsewhere in [
            "",
            "https://a.example",
            "//a.example",
            "/\\a.example",
            "a",
            "/\t/a.example",
        ] {
            assert_eq!(ours(elsewhere), "/devices");
        }
    }
}
