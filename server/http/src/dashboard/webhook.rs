//! The page of a webhook: its state, the latest attempts, and actions.

use super::{
    error::PageError,
    form::Form,
    frame::sentence,
    page::{Page, form_token},
    session::SignedIn,
    sign_in::Nothing,
    state::DashboardState,
    texts,
    webhooks::{events, state, told},
};
use axum::{extract::Path, response::Redirect};
use maud::{Markup, html};
use mdm_server_core::store::{Attempt, AttemptResult, Webhook, WebhookState};

pub(super) async fn page(
    signed_in: SignedIn,
    dashboard: DashboardState,
    Path(id): Path<String>,
) -> Result<Markup, PageError> {
    let (webhook, attempts) = dashboard
        .server
        .webhooks
        .get(&signed_in.caller, &id)
        .await?;
    Ok(view(&signed_in, &webhook, &attempts))
}

pub(super) async fn test(
    dashboard: DashboardState,
    Path(id): Path<String>,
    Form(signed_in, _): Form<Nothing>,
) -> Result<Redirect, PageError> {
    dashboard
        .server
        .webhooks
        .test(&signed_in.caller, &id)
        .await?;
    Ok(back(&id))
}

pub(super) async fn pause(
    dashboard: DashboardState,
    Path(id): Path<String>,
    Form(signed_in, _): Form<Nothing>,
) -> Result<Redirect, PageError> {
    dashboard
        .server
        .webhooks
        .pause(&signed_in.caller, &id)
        .await?;
    Ok(back(&id))
}

pub(super) async fn resume(
    dashboard: DashboardState,
    Path(id): Path<String>,
    Form(signed_in, _): Form<Nothing>,
) -> Result<Redirect, PageError> {
    dashboard
        .server
        .webhooks
        .resume(&signed_in.caller, &id)
        .await?;
    Ok(back(&id))
}

pub(super) async fn change_secret(
    dashboard: DashboardState,
    Path(id): Path<String>,
    Form(signed_in, _): Form<Nothing>,
) -> Result<Markup, PageError> {
    let made = dashboard
        .server
        .webhooks
        .change_secret(&signed_in.caller, &id)
        .await?;
    Ok(told(&signed_in, &made))
}

pub(super) async fn remove(
    dashboard: DashboardState,
    Path(id): Path<String>,
    Form(signed_in, _): Form<Nothing>,
) -> Result<Redirect, PageError> {
    dashboard
        .server
        .webhooks
        .remove(&signed_in.caller, &id)
        .await?;
    Ok(Redirect::to("/webhooks"))
}

fn back(id: &str) -> Redirect {
    Redirect::to(&format!("/webhooks/{id}"))
}

fn view(signed_in: &SignedIn, webhook: &Webhook, attempts: &[Attempt]) -> Markup {
    let page = Page {
        title: "Webhook",
        place: "/webhooks",
        live: None,
    };
    let id = &webhook.id;
    let content = html! {
        p .trail { a href="/webhooks" { "Webhooks" } }
        h1 { (webhook.url) }
        p { (state(webhook)) " told of " (events(webhook)) "; devices: " (webhook.scope) }
        @if let (Some(since), WebhookState::Active) = (webhook.progress.failing_since, webhook.state) {
            p .alert role="alert" {
                "Nothing has been delivered since " (texts::time(since)) ". Events wait, each for three \
                days. The next try is at " (texts::time(webhook.progress.next_try)) "."
            }
        }
        @if webhook.state == WebhookState::Gone {
            p .alert role="alert" { "The receiver answered 410 Gone. Nothing more is sent to it." }
        }
        section .card .scroll tabindex="0" aria-label="Attempts" {
            h2 { "Latest attempts" }
            @if attempts.is_empty() { p { "Nothing was sent yet." } }
            @else { (table(attempts)) }
        }
        form .card method="post" action={ "/webhooks/" (id) "/test" } {
            (form_token(signed_in))
            h2 { "Test" }
            p { "Sends a test message now. If the receiver accepts it, waiting events are sent at once." }
            div .buttons { button .primary type="submit" { "Send a test" } }
        }
        form .card method="post" action={ "/webhooks/" (id) "/secret" } {
            (form_token(signed_in))
            h2 { "Another secret" }
            p { "For a day, messages are signed with both secrets, so that the receiver can change to the new one." }
            div .buttons { button type="submit" { "Change the secret" } }
        }
        @match webhook.state {
            WebhookState::Active => form .card method="post" action={ "/webhooks/" (id) "/pause" } {
                (form_token(signed_in))
                h2 { "Pause" }
                p { "Waiting events are dropped, and events until it is resumed are not sent." }
                div .buttons { button type="submit" { "Pause" } }
            },
            _ => form .card method="post" action={ "/webhooks/" (id) "/resume" } {
                (form_token(signed_in))
                h2 { "Resume" }
                p { "It receives events from now on." }
                div .buttons { button type="submit" { "Resume" } }
            },
        }
        form .card method="post" action={ "/webhooks/" (id) "/remove" } {
            (form_token(signed_in))
            h2 { "Remove" }
            p { "Events that were not delivered are dropped." }
            div .buttons { button .danger type="submit" { "Remove this webhook" } }
        }
    };
    page.with(signed_in, content)
}

fn table(attempts: &[Attempt]) -> Markup {
    html! {
        table {
            thead { tr { th { "Time" } th { "Event" } th { "Result" } th { "HTTP status" } th { "Next try" } } }
            tbody {
                @for attempt in attempts {
                    tr {
                        td { (texts::time(attempt.at)) }
                        td { (attempt.kind) small { (attempt.message) } }
                        td {
                            (result(attempt.result))
                            @if let Some(error) = &attempt.error { small { (sentence(error)) } }
                        }
                        td { @match attempt.status { Some(status) => (status), None => "none" } }
                        td { @match attempt.next_try { Some(at) => (texts::time(at)), None => "–" } }
                    }
                }
            }
        }
    }
}

fn result(result: AttemptResult) -> Markup {
    match result {
        AttemptResult::Delivered => texts::badge("success", "✓", "DELIVERED"),
        AttemptResult::Failed => texts::badge("pending", "◔", "FAILED"),
        AttemptResult::GivenUp => texts::badge("failed", "✕", "GIVEN UP"),
        AttemptResult::Gone => texts::badge("failed", "✕", "GONE"),
    }
}
