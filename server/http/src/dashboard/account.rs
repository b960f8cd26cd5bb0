//! The page of the own account: role, device scope and one-time passwords.

use super::{
    error::PageError,
    form::Form,
    frame::sentence,
    page::{Page, form_token},
    session::SignedIn,
    state::DashboardState,
};
use axum::{
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use maud::{Markup, PreEscaped, html};
use mdm_server_core::error::ServerError;
use qrcode::{QrCode, render::svg};
use serde::Deserialize;
use zeroize::Zeroizing;

/// The form that sets one-time passwords up. The secret comes back sealed, so nothing is kept before it counts.
#[derive(Deserialize)]
pub(super) struct TotpForm {
    sealed: String,
    code: String,
    password: Zeroizing<String>,
}

/// The form that ends them.
#[derive(Deserialize)]
pub(super) struct Clear {
    code: String,
}

pub(super) async fn page(
    signed_in: SignedIn,
    dashboard: DashboardState,
) -> Result<Markup, PageError> {
    let setting_up = match signed_in.user.totp {
        Some(_) => None,
        None => {
            let new = dashboard.server.identity.new_totp(&signed_in.user.name)?;
            Some((BASE64.encode(&new.sealed), new.url))
        }
    };
    let setting_up = setting_up.as_ref();
    Ok(view(
        &signed_in,
        setting_up.map(|(sealed, url)| (sealed.as_str(), url.as_str())),
        None,
    ))
}

pub(super) async fn set_totp(
    dashboard: DashboardState,
    Form(signed_in, form): Form<TotpForm>,
) -> Result<Response, PageError> {
    let name = &signed_in.user.name;
    let sealed = BASE64.decode(&form.sealed).unwrap_or_default();
    let url = dashboard.server.identity.totp_url(name, &sealed)?;
    let set = dashboard
        .server
        .identity
        .set_totp(&signed_in.caller, name, sealed, &form.code, form.password)
        .await;
    match set {
        Ok(()) => Ok(Redirect::to("/account").into_response()),
        Err(error) => {
            let (status, fault) = refused(error)?;
            let again = view(&signed_in, Some((&form.sealed, &url)), Some(&fault));
            Ok((status, again).into_response())
        }
    }
}

pub(super) async fn clear_totp(
    dashboard: DashboardState,
    Form(signed_in, form): Form<Clear>,
) -> Result<Response, PageError> {
    let name = &signed_in.user.name;
    let cleared = dashboard
        .server
        .identity
        .clear_totp(&signed_in.caller, name, &form.code)
        .await;
    match cleared {
        Ok(()) => Ok(Redirect::to("/account").into_response()),
        Err(error) => {
            let (status, fault) = refused(error)?;
            let again = view(&signed_in, None, Some(&fault));
            Ok((status, again).into_response())
        }
    }
}

/// The error of a form that the user can correct, with the status of its page.
fn refused(error: ServerError) -> Result<(StatusCode, String), PageError> {
    match error {
        ServerError::NotProven => Ok((StatusCode::UNPROCESSABLE_ENTITY, error.to_string())),
        ServerError::TooManyGuesses => Ok((StatusCode::TOO_MANY_REQUESTS, error.to_string())),
        error => Err(error.into()),
    }
}

fn view(signed_in: &SignedIn, setting_up: Option<(&str, &str)>, fault: Option<&str>) -> Markup {
    let user = &signed_in.user;
    let page = Page {
        title: "Your account",
        place: "/account",
        live: None,
    };
    let content = html! {
        h1 { (user.name) }
        section .card {
            h2 { "Your permissions" }
            p { "You are " strong { (user.role) } ", responsible for " strong { (user.scope) } "." }
            ul .notes { @for it in &signed_in.caller.permissions { li { (sentence(it.meaning())) } } }
        }
        @match setting_up {
            None => form .card method="post" action="/account/one-time-passwords/clear" {
                (form_token(signed_in))
                h2 { "One-time passwords" }
                p { "You sign in with your password and a code that your authenticator app shows." }
                (code(fault))
                div .buttons { button .danger type="submit" { "Sign in without a code" } }
            },
            Some((sealed, url)) => form .card method="post" action="/account/one-time-passwords" {
                (form_token(signed_in))
                input type="hidden" name="sealed" value=(sealed);
                h2 { "One-time passwords" }
                p {
                    "With them, your password alone is not enough to sign in. Scan this picture with an authenticator app, or "
                    "type its secret there, and then type the code that the app shows."
                }
                (picture(url))
                p { "Secret: " code { (secret(url)) } }
                label for="password" { "Your password" }
                input #password type="password" name="password" required autocomplete="current-password"
                    aria-describedby="fault" aria-invalid=[fault.map(|_| "true")];
                (code(fault))
                div .buttons { button .primary type="submit" { "Sign in with codes from now on" } }
            },
        }
    };
    page.with(signed_in, content)
}

fn code(fault: Option<&str>) -> Markup {
    html! {
        label for="code" { "Code" }
        input #code type="text" name="code" required inputmode="numeric" autocomplete="one-time-code"
            aria-describedby="fault" aria-invalid=[fault.map(|_| "true")];
        div #fault {
            @if let Some(fault) = fault { p .fault role="alert" { (sentence(fault)) } }
        }
    }
}

/// The QR code of an authenticator app. The secret can be typed as well.
fn picture(url: &str) -> Markup {
    let drawn = QrCode::new(url).map(|code| {
        let svg = code
            .render::<svg::Color<'_>>()
            .min_dimensions(200, 200)
            .build();
        // The XML declaration before the element is for files only.
        svg.find("<svg")
            .map_or(String::new(), |at| svg[at..].to_owned())
    });
    html! {
        @if let Ok(svg) = drawn {
            div .qr role="img" aria-label="The secret as a QR code" { (PreEscaped(svg)) }
        }
    }
}

fn secret(url: &str) -> &str {
    let after = url.split("secret=").nth(1).unwrap_or_default();
    after.split('&').next().unwrap_or_default()
}
