//! The page of webhooks, with the form for a new one.

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
use mdm_server_core::{
    error::ServerError,
    event::EventKind,
    store::{Webhook, WebhookState},
    webhooks::{MadeWebhook, NewWebhook},
};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The form as it is sent: a kind of event that is ticked is a field of its name.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct WebhookForm {
    url: String,
    #[serde(flatten)]
    devices: Devices,
    #[serde(flatten)]
    others: BTreeMap<String, String>,
}

impl WebhookForm {
    fn events(&self) -> BTreeSet<EventKind> {
        let is_ticked = |it: &EventKind| self.others.contains_key(it.as_str());
        EventKind::ALL.into_iter().filter(is_ticked).collect()
    }
}

pub(super) async fn page(
    signed_in: SignedIn,
    dashboard: DashboardState,
) -> Result<Markup, PageError> {
    view(&dashboard, &signed_in, &WebhookForm::default(), None).await
}

pub(super) async fn add(
    dashboard: DashboardState,
    Form(signed_in, form): Form<WebhookForm>,
) -> Result<Response, PageError> {
    let new = NewWebhook {
        url: form.url.clone(),
        events: form.events(),
        scope: form.devices.scope(),
    };
    let fault = match dashboard.server.webhooks.add(&signed_in.caller, new).await {
        Ok(made) => return Ok(told(&signed_in, &made).into_response()),
        Err(
            error @ (ServerError::NoDestination(_)
            | ServerError::BadRequest(_)
            | ServerError::Forbidden(_)),
        ) => error.to_string(),
        Err(error) => return Err(error.into()),
    };
    let again = view(&dashboard, &signed_in, &form, Some(&fault)).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, again).into_response())
}

/// The secret, which is shown this once.
pub(super) fn told(signed_in: &SignedIn, made: &MadeWebhook) -> Markup {
    let page = Page {
        title: "Secret of a webhook",
        place: "/webhooks",
        live: None,
    };
    let content = html! {
        p .trail { a href="/webhooks" { "Webhooks" } }
        h1 { "Secret" }
        section .card {
            p { "Messages to " code { (made.webhook.url) } " are signed with this secret." }
            p { "Copy it now: it is not shown again. The receiver checks the signatures with it." }
            p { code #secret { (made.secret.as_str()) } }
            div .buttons { a .button href={ "/webhooks/" (made.webhook.id) } { "To the webhook" } }
        }
    };
    page.with(signed_in, content)
}

/// The state of a webhook.
pub(super) fn state(webhook: &Webhook) -> Markup {
    match (webhook.state, webhook.progress.failing_since) {
        (WebhookState::Paused, _) => texts::badge("none", "‖", "PAUSED"),
        (WebhookState::Gone, _) => texts::badge("failed", "✕", "GONE"),
        (WebhookState::Active, Some(_)) => texts::badge("failed", "✕", "FAILING"),
        (WebhookState::Active, None) => texts::badge("success", "✓", "ACTIVE"),
    }
}

/// The events and groups of a webhook.
pub(super) fn events(webhook: &Webhook) -> String {
    if webhook.events.is_empty() {
        return "everything".into();
    }
    let words: Vec<&str> = webhook.events.iter().map(|it| it.as_str()).collect();
    words.join(", ")
}

async fn view(
    dashboard: &DashboardState,
    signed_in: &SignedIn,
    form: &WebhookForm,
    fault: Option<&str>,
) -> Result<Markup, PageError> {
    let webhooks = dashboard.server.webhooks.list(&signed_in.caller).await?;
    let ticked = form.events();
    let page = Page {
        title: "Webhooks",
        place: "/webhooks",
        live: None,
    };
    let content = html! {
        h1 { "Webhooks" }
        p .quiet { "Other programs receive each change of a status, as a signed message." }
        section .card .scroll tabindex="0" aria-label="Webhooks" {
            @if webhooks.is_empty() {
                p { "There are no webhooks yet." }
            } @else {
                table {
                    thead { tr { th { "Receiver" } th { "State" } th { "DeviceInfo of" } th { "Devices" } } }
                    tbody {
                        @for webhook in &webhooks {
                            tr {
                                td { a href={ "/webhooks/" (webhook.id) } { (webhook.url) } }
                                td { (state(webhook)) }
                                td { (events(webhook)) }
                                td { (webhook.scope) }
                            }
                        }
                    }
                }
            }
        }
        form .card method="post" action="/webhooks" {
            (form_token(signed_in))
            h2 { "Add a webhook" }
            label for="url" { "URL " span .quiet { "(begins with https://)" } }
            input #url type="url" name="url" required maxlength="2048" value=(form.url) autocapitalize="off"
                spellcheck="false" aria-describedby="fault" aria-invalid=[fault.map(|_| "true")];
            fieldset {
                legend { "Events " span .quiet { "(none selected: all)" } }
                @for kind in EventKind::ALL {
                    label .check {
                        input type="checkbox" name=(kind) checked[ticked.contains(&kind)];
                        span { (kind.meaning()) small { (kind) } }
                    }
                }
            }
            (form.devices.fields())
            div #fault {
                @if let Some(fault) = fault { p .fault role="alert" { (sentence(fault)) } }
            }
            div .buttons { button .primary type="submit" { "Add webhook" } }
        }
    };
    Ok(page.with(signed_in, content))
}
