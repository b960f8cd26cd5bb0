//! The page of tokens, the credentials of programs.

use super::{
    error::PageError,
    form::{Form, Number},
    frame::sentence,
    page::{Page, form_token},
    scope::Devices,
    session::SignedIn,
    sign_in::Nothing,
    state::DashboardState,
    texts,
    users::faults,
};
use axum::{
    extract::Path,
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use maud::{Markup, html};
use mdm_server_core::access::Permission;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The default validity of a token, in seconds.
const USUAL: u64 = 90 * 24 * 3600;

/// The choices of validity, in seconds.
const VALIDITIES: [(&str, &str); 4] = [
    ("7776000", "90 days"),
    ("31536000", "1 year"),
    ("2592000", "30 days"),
    ("", "until it is revoked"),
];

/// The form as it is sent: a permission that is ticked is a field of its name.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct TokenForm {
    name: String,
    #[serde(flatten)]
    devices: Devices,
    valid_for: Number,
    #[serde(flatten)]
    others: BTreeMap<String, String>,
}

impl TokenForm {
    fn permissions(&self) -> BTreeSet<Permission> {
        let is_ticked = |it: &Permission| self.others.contains_key(it.as_str());
        Permission::ALL.into_iter().filter(is_ticked).collect()
    }
}

pub(super) async fn page(
    signed_in: SignedIn,
    dashboard: DashboardState,
) -> Result<Markup, PageError> {
    let form = TokenForm {
        valid_for: Number(Some(USUAL)),
        others: [(Permission::See.as_str().to_owned(), String::new())].into(),
        ..TokenForm::default()
    };
    view(&dashboard, &signed_in, &form, None).await
}

pub(super) async fn add(
    dashboard: DashboardState,
    Form(signed_in, form): Form<TokenForm>,
) -> Result<Response, PageError> {
    let made = dashboard
        .server
        .identity
        .add_token(
            &signed_in.caller,
            form.name.trim(),
            form.permissions(),
            form.devices.scope(),
            form.valid_for.0,
        )
        .await;
    let fault = match made {
        Ok(token) => return Ok(told(&signed_in, form.name.trim(), &token).into_response()),
        Err(error) => faults(error)?,
    };
    let again = view(&dashboard, &signed_in, &form, Some(&fault)).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, again).into_response())
}

pub(super) async fn remove(
    dashboard: DashboardState,
    Path(token): Path<String>,
    Form(signed_in, _): Form<Nothing>,
) -> Result<Redirect, PageError> {
    dashboard
        .server
        .identity
        .remove_token(&signed_in.caller, &token)
        .await?;
    Ok(Redirect::to("/tokens"))
}

/// The form that hands a token over.
#[derive(Deserialize)]
pub(super) struct NewOwner {
    owner: String,
}

pub(super) async fn hand_over(
    dashboard: DashboardState,
    Path(token): Path<String>,
    Form(signed_in, form): Form<NewOwner>,
) -> Result<Redirect, PageError> {
    dashboard
        .server
        .identity
        .hand_over_token(&signed_in.caller, &token, form.owner.trim())
        .await?;
    Ok(Redirect::to("/tokens"))
}

/// The token, which is shown this once.
fn told(signed_in: &SignedIn, name: &str, token: &str) -> Markup {
    let page = Page {
        title: "Token",
        place: "/tokens",
        live: None,
    };
    let content = html! {
        p .trail { a href="/tokens" { "Tokens" } }
        h1 { "Token " (name) }
        section .card {
            p { "Copy it now: it is not shown again. A program sends it as " code { "Authorization: Bearer …" } "." }
            p { code #token { (token) } }
        }
    };
    page.with(signed_in, content)
}

async fn view(
    dashboard: &DashboardState,
    signed_in: &SignedIn,
    form: &TokenForm,
    fault: Option<&str>,
) -> Result<Markup, PageError> {
    let tokens = dashboard.server.identity.tokens(&signed_in.caller).await?;
    let permissions = form.permissions();
    let page = Page {
        title: "Tokens",
        place: "/tokens",
        live: None,
    };
    let content = html! {
        h1 { "Tokens" }
        p .quiet {
            "Credentials of programs that use the API. A token has at most the permissions of its owner, and is removed with "
            "the owner, unless it gets a new owner before."
        }
        section .card .scroll tabindex="0" aria-label="Tokens" {
            table .stacked {
                thead { tr { th { "Name" } th { "May" } th { "Devices" } th { "Valid until" } th { "Owner" } th { span .sr { "Take back" } } } }
                tbody {
                    @for token in &tokens {
                        tr {
                            td data-head="Name" { (token.name) }
                            td data-head="May" { (token.permissions.iter().map(|it| it.as_str()).collect::<Vec<_>>().join(", ")) }
                            td data-head="Devices" { (token.scope) }
                            td data-head="Valid until" {
                                @match token.expires_at {
                                    Some(end) => (texts::time(end)),
                                    None => "it is revoked",
                                }
                            }
                            td data-head="Owner" {
                                @match &token.owner {
                                    Some(owner) => (owner),
                                    None => "the host's machine",
                                }
                                form .with-buttons method="post" action={ "/tokens/" (token.name) "/owner" } {
                                    (form_token(signed_in))
                                    input type="text" name="owner" required maxlength="64" placeholder="user"
                                        aria-label={ "New owner of " (token.name) } autocapitalize="off"
                                        spellcheck="false";
                                    button type="submit" aria-label={ "Hand over " (token.name) } { "Hand over" }
                                }
                            }
                            td {
                                form method="post" action={ "/tokens/" (token.name) "/remove" } {
                                    (form_token(signed_in))
                                    button .danger type="submit" aria-label={ "Take back " (token.name) } {
                                        "Take back"
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        form .card method="post" action="/tokens" {
            (form_token(signed_in))
            h2 { "Make a token" }
            label for="name" { "Name" }
            input #name type="text" name="name" required maxlength="64" value=(form.name) autocapitalize="off"
                spellcheck="false" aria-describedby="fault" aria-invalid=[fault.map(|_| "true")];
            fieldset {
                legend { "It may" }
                @for it in Permission::ALL {
                    label .check {
                        input type="checkbox" name=(it) checked[permissions.contains(&it)];
                        span { (it.meaning()) small { (it) } }
                    }
                }
            }
            (form.devices.fields())
            label for="valid-for" { "It is valid for" }
            select #valid-for name="valid_for" {
                @for (seconds, text) in VALIDITIES {
                    option value=(seconds) selected[form.valid_for.is(seconds)] { (text) }
                }
            }
            div #fault {
                @if let Some(fault) = fault { p .fault role="alert" { (sentence(fault)) } }
            }
            div .buttons { button .primary type="submit" { "Make token" } }
        }
    };
    Ok(page.with(signed_in, content))
}
