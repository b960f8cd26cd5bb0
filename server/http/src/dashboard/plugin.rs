//! The page of the plugin: its facts, imports, health and history.

use super::{
    error::PageError,
    form::{Form, check_token},
    frame::sentence,
    page::{Page, form_token},
    session::SignedIn,
    sign_in::Nothing,
    state::DashboardState,
    texts::{self, badge},
};
use axum::{
    extract::Multipart,
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use maud::{Markup, html};
use mdm_password_host::{Canary, CanaryTerms, Deployments, HealthReport, LoggedMessage, Plugin};
use mdm_server_core::{
    access::Permission, audit::AuditEntry, error::ServerError, store::PluginFile,
};
use mdm_terminal::escape::Escaped;
use serde::Deserialize;

/// Changes of the plugin on the page.
const MAX_CHANGES: u32 = 20;

/// The largest plugin that can be sent, in bytes.
pub(super) const LARGEST: usize = 64 << 20;

/// The contents of the page.
struct PluginView {
    places: Deployments,
    canary: Option<Canary>,
    terms: CanaryTerms,
    changes: Vec<AuditEntry>,
}

pub(super) async fn page(
    signed_in: SignedIn,
    dashboard: DashboardState,
) -> Result<Markup, PageError> {
    view(&dashboard, &signed_in, None, None).await
}

pub(super) async fn use_plugin(
    signed_in: SignedIn,
    dashboard: DashboardState,
    form: Multipart,
) -> Result<Response, PageError> {
    let sent = sent(&signed_in, form).await?;
    let used = match sent {
        Some((file, settings)) => {
            dashboard
                .server
                .plugins
                .use_plugin(&signed_in.caller, file, settings)
                .await
        }
        None => Err(ServerError::BadRequest("choose a file first".into())),
    };
    answer(&dashboard, &signed_in, used, None).await
}

/// The form of the active plugin's settings.
#[derive(Deserialize)]
pub(super) struct SettingsForm {
    settings: String,
}

pub(super) async fn use_settings(
    dashboard: DashboardState,
    Form(signed_in, form): Form<SettingsForm>,
) -> Result<Response, PageError> {
    let used = dashboard
        .server
        .plugins
        .use_settings(&signed_in.caller, form.settings.clone())
        .await;
    answer(&dashboard, &signed_in, used, Some(&form.settings)).await
}

pub(super) async fn use_default(
    dashboard: DashboardState,
    Form(signed_in, _): Form<Nothing>,
) -> Result<Response, PageError> {
    let used = dashboard
        .server
        .plugins
        .use_default(&signed_in.caller)
        .await;
    answer(&dashboard, &signed_in, used, None).await
}

pub(super) async fn roll_back(
    dashboard: DashboardState,
    Form(signed_in, _): Form<Nothing>,
) -> Result<Response, PageError> {
    let rolled_back = dashboard.server.plugins.roll_back(&signed_in.caller).await;
    answer(&dashboard, &signed_in, rolled_back, None).await
}

async fn answer(
    dashboard: &DashboardState,
    signed_in: &SignedIn,
    done: Result<(), ServerError>,
    settings: Option<&str>,
) -> Result<Response, PageError> {
    let fault = match done {
        Ok(()) => return Ok(Redirect::to("/plugin").into_response()),
        Err(ServerError::Store(error)) => return Err(ServerError::Store(error).into()),
        Err(error) => error.to_string(),
    };
    let again = view(dashboard, signed_in, Some(&fault), settings).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, again).into_response())
}

/// The file, its signature and its settings, if the form is this session's: its token comes before the files.
async fn sent(
    signed_in: &SignedIn,
    mut form: Multipart,
) -> Result<Option<(PluginFile, Option<String>)>, PageError> {
    let broken = |error: axum::extract::multipart::MultipartError| PageError::Failed {
        status: error.status(),
        detail: format!("the file did not arrive: {}", error.body_text()),
    };
    let (mut is_ours, mut bytes, mut signature, mut settings) = (false, None, None, None);
    while let Some(field) = form.next_field().await.map_err(broken)? {
        let name = field.name().unwrap_or_default().to_owned();
        match name.as_str() {
            "form_token" => {
                check_token(signed_in, &field.text().await.map_err(broken)?)?;
                is_ours = true;
            }
            _ if !is_ours => return Err(PageError::StrangeForm),
            "component" => bytes = Some(field.bytes().await.map_err(broken)?),
            "signature" => signature = Some(field.text().await.map_err(broken)?),
            "settings" => settings = Some(field.text().await.map_err(broken)?),
            _ => {}
        }
    }
    if !is_ours {
        return Err(PageError::StrangeForm);
    }
    let bytes = bytes.filter(|bytes| !bytes.is_empty());
    let filled = |text: &String| !text.trim().is_empty();
    let settings = settings.filter(filled);
    Ok(bytes.map(|bytes| {
        let file = PluginFile {
            bytes: bytes.to_vec(),
            signature: signature.filter(filled),
        };
        (file, settings)
    }))
}

async fn view(
    dashboard: &DashboardState,
    signed_in: &SignedIn,
    fault: Option<&str>,
    settings: Option<&str>,
) -> Result<Markup, PageError> {
    let (places, canary, terms) = dashboard.server.plugins.deployments();
    let shown = PluginView {
        places,
        canary,
        terms,
        changes: dashboard.server.plugins.history(MAX_CHANGES).await?,
    };
    let page = Page {
        title: "Plugin",
        place: "/plugin",
        live: None,
    };
    let content = html! {
        h1 { "Plugin" }
        p .quiet { "It decides which requests are allowed, which commands are sent to a device, and previews their outcome." }
        @if let Some(fault) = fault { p .fault role="alert" { (sentence(fault)) } }
        div .cards {
            section .card .wide aria-labelledby="active-title" {
                h2 #active-title { "Active plugin" }
                (plugin(&shown.places.active.plugin, shown.places.active.is_default))
                @if let Some(canary) = &shown.canary { (canary_progress(canary, &shown.terms)) }
            }
            section .card aria-labelledby="may-title" {
                h2 #may-title { "Permissions" }
                (may(&shown.places.active.plugin))
            }
            section .card aria-labelledby="health-title" {
                h2 #health-title { "Health" }
                (health(&shown.places.active.plugin.health()))
            }
            @if let Some(previous) = &shown.places.previous {
                section .card .wide aria-labelledby="previous-title" {
                    h2 #previous-title { "Previous plugin" }
                    (plugin(&previous.plugin, previous.is_default))
                }
            }
            @if signed_in.caller.check_all().is_ok() {
                section .card .wide aria-labelledby="messages-title" {
                    h2 #messages-title { "Messages" }
                    (messages(shown.places.active.plugin.messages()))
                }
            }
            section .card .wide aria-labelledby="changes-title" {
                h2 #changes-title { "Changes" }
                (changes(&shown.changes))
            }
        }
        @if signed_in.may(Permission::ManagePlugins) { (manage(signed_in, &shown, settings)) }
    };
    Ok(page.with(signed_in, content))
}

fn plugin(plugin: &Plugin, is_default: bool) -> Markup {
    html! {
        p { strong { (plugin.description().name) } " " (plugin.description().version) }
        p { (plugin.description().summary) }
        dl .facts {
            div { dt { "Contract" } dd { (plugin.contract()) } }
            div { dt { "From" } dd { @if is_default { "the server’s start" } @else { "an admin" } } }
            div .wide { dt { "Settings" } dd { code { (plugin.settings()) } } }
            div .wide { dt { "Digest" } dd { code { "sha256:" (plugin.digest()) } } }
        }
    }
}

/// JSON with a line for each field.
fn indented(json: &str) -> String {
    let value = serde_json::from_str::<serde_json::Value>(json);
    let text = value.and_then(|value| serde_json::to_string_pretty(&value));
    text.unwrap_or_else(|_| json.to_owned())
}

fn canary_progress(canary: &Canary, terms: &CanaryTerms) -> Markup {
    html! {
        p .alert {
            "Canary: it has decided " (canary.calls) " of " (terms.calls) " calls, and failed " (canary.failures)
            ". After " (terms.failures) " failures, the server rolls back."
        }
    }
}

fn may(plugin: &Plugin) -> Markup {
    let mut permissions: Vec<&str> = plugin.imports().iter().map(|it| it.permission).collect();
    permissions.sort_unstable();
    permissions.dedup();
    html! {
        ul .notes { @for it in permissions { li { (sentence(it)) } } }
        p .quiet { "It gets no file, no network, no environment and no password." }
    }
}

fn health(health: &HealthReport) -> Markup {
    let milliseconds = |micros: u64| format!("{}.{:03} ms", micros / 1000, micros % 1000);
    html! {
        p {
            @if !health.open_breakers.is_empty() {
                (badge("failed", "✕", "OPEN BREAKER")) " " (health.open_breakers.join(", "))
            } @else if health.failures.is_empty() {
                (badge("success", "✓", "WELL"))
            } @else {
                (badge("pending", "!", "SOME CALLS FAILED"))
            }
        }
        dl .facts {
            div { dt { "Calls" } dd { (health.calls) } }
            div { dt { "A call takes" } dd { (milliseconds(health.average_time)) } }
            div { dt { "Longest call" } dd { (milliseconds(health.longest_time)) } }
            @for (kind, count) in &health.failures { div { dt { "Failed: " (kind) } dd { (count) } } }
        }
        p .quiet { "Since this server loaded it." }
    }
}

/// The messages of the plugin, latest first. They may be about any device.
fn messages(messages: Vec<LoggedMessage>) -> Markup {
    html! {
        @if messages.is_empty() { p .quiet { "It has logged nothing since this server loaded it." } }
        ol .timeline {
            @for message in messages.iter().rev() {
                li {
                    p { strong { (message.level) } " · " (texts::time(message.at)) " · " (message.function) }
                    p { (Escaped(&message.text)) }
                    p .quiet { "Device " code { (Escaped(&message.device)) } }
                }
            }
        }
    }
}

fn changes(changes: &[AuditEntry]) -> Markup {
    html! {
        @if changes.is_empty() { p .quiet { "It was never changed." } }
        ol .timeline {
            @for entry in changes {
                li {
                    p {
                        strong { (super::history::what(entry)) } " · " (texts::time(entry.at)) " by " (entry.actor)
                    }
                    @if let Some(digest) = &entry.plugin { p .quiet { code { "sha256:" (digest) } } }
                }
            }
        }
    }
}

/// The forms of an admin. `settings` is the text that was sent and refused.
fn manage(signed_in: &SignedIn, shown: &PluginView, settings: Option<&str>) -> Markup {
    let active = &shown.places.active.plugin;
    let description = active.description();
    html! {
        form .card method="post" action="/plugin/settings" {
            (form_token(signed_in))
            h2 { "Settings of the active plugin" }
            p { "The plugin checks them first. They hold from the next call on; its first calls with them are a canary." }
            label for="settings" { "Settings " span .quiet { "(a JSON object)" } }
            textarea #settings name="settings" rows="8" spellcheck="false" required {
                (settings.unwrap_or(&indented(active.settings())))
            }
            details {
                summary { "What can be set" }
                h3 { "Default settings" }
                pre { (indented(&description.default_settings)) }
                h3 { "JSON Schema" }
                pre { (indented(&description.settings_schema)) }
            }
            div .buttons { button .primary type="submit" { "Check and use" } }
        }
        form .card method="post" action="/plugin/use" enctype="multipart/form-data" {
            (form_token(signed_in))
            h2 { "Use another plugin" }
            p { "It is checked against the contract first. Its first calls are a canary: if they fail, the server rolls back." }
            label for="component" { "Component " span .quiet { "(.wasm)" } }
            input #component type="file" name="component" required accept=".wasm,application/wasm";
            label for="signature" { "Signature " span .quiet { "(the text of its .minisig, if this server requires one)" } }
            textarea #signature name="signature" rows="3" spellcheck="false" {}
            label for="new-settings" { "Settings " span .quiet { "(a JSON object; empty: its default ones)" } }
            textarea #new-settings name="settings" rows="3" spellcheck="false" {}
            div .buttons { button .primary type="submit" { "Check and use" } }
        }
        @if let Some(previous) = &shown.places.previous {
            form .card method="post" action="/plugin/roll-back" {
                (form_token(signed_in))
                h2 { "Roll back" }
                p {
                    "The previous plugin, " strong { (previous.plugin.description().name) } " "
                    (previous.plugin.description().version)
                    ", with its settings, is active again from the next call. A second roll back undoes the first."
                }
                div .buttons { button type="submit" { "Roll back" } }
            }
        }
        @if !shown.places.active.is_default {
            form .card method="post" action="/plugin/default" {
                (form_token(signed_in))
                h2 { "The server’s own plugin" }
                p { "The plugin with which the server was started is active from the next call." }
                div .buttons { button type="submit" { "Use the server’s own" } }
            }
        }
    }
}
