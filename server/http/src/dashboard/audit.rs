//! The page of the audit trail.

use super::{
    error::PageError,
    form::{Number, filled},
    history::what,
    page::Page,
    session::SignedIn,
    state::DashboardState,
    texts,
};
use crate::api::audit::{AuditQuery, download};
use axum::{extract::Query, response::Response};
use maud::{Markup, html};
use mdm_server_core::audit::AuditLine;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Lines on a page.
const PAGE: u32 = 100;

/// The filter as a form sends it: what is empty does not count.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct AuditForm {
    device: String,
    actor: String,
    action: String,
    text: String,
    from: String,
    until: String,
    before: Number,
}

impl AuditForm {
    fn query(&self) -> AuditQuery {
        let filled = |text: &str| filled(text).map(str::to_owned);
        AuditQuery {
            device: filled(&self.device),
            actor: filled(&self.actor),
            action: filled(&self.action),
            text: filled(&self.text),
            from: filled(&self.from),
            until: filled(&self.until),
        }
    }
}

pub(super) async fn page(
    signed_in: SignedIn,
    dashboard: DashboardState,
    Query(form): Query<AuditForm>,
) -> Result<Markup, PageError> {
    let filter = form.query().filter()?;
    let lines = dashboard
        .server
        .audit_trail
        .list(&signed_in.caller, &filter, form.before.0, PAGE)
        .await?;
    Ok(view(&signed_in, &form, &lines))
}

pub(super) async fn table(
    signed_in: SignedIn,
    dashboard: DashboardState,
    Query(form): Query<AuditForm>,
) -> Result<Response, PageError> {
    Ok(download(
        Arc::clone(&dashboard.server.audit_trail),
        signed_in.caller,
        &form.query(),
    )
    .await?)
}

fn view(signed_in: &SignedIn, form: &AuditForm, lines: &[AuditLine]) -> Markup {
    let page = Page {
        title: "Audit",
        place: "/audit",
        live: None,
    };
    let link = |path: &str, before: Option<u64>| {
        let form = AuditForm {
            before: Number(before),
            ..form.clone()
        };
        let query = serde_urlencoded::to_string(&form).unwrap_or_default();
        format!("{path}?{query}")
    };
    let next = lines.last().filter(|_| lines.len() == PAGE as usize);
    let content = html! {
        h1 { "Audit" }
        p .quiet {
            "Each line has a digest of itself and of the line before: " code { "mdm-server audit verify" }
            " shows whether one was removed or changed."
        }
        (filter(form))
        p .buttons {
            a .button href=(link("/audit.csv", None)) download="audit.csv" { "Download as a table (CSV)" }
        }
        @if lines.is_empty() { p { "No line matches the filter." } }
        @else {
            section .card .scroll tabindex="0" aria-label="Lines" {
                table .stacked {
                    thead {
                        tr { th { "Time" } th { "Who" } th { "What" } th { "Device" } th { "From" } th { "Plugin" } }
                    }
                    tbody { @for line in lines { (row(line)) } }
                }
            }
            @if let Some(last) = next {
                p { a .button href=(link("/audit", Some(last.number))) { "Older" } }
            }
        }
    };
    page.with(signed_in, content)
}

fn row(line: &AuditLine) -> Markup {
    let entry = &line.entry;
    html! {
        tr {
            td data-head="Time" { (texts::time(entry.at)) small { "Line " (line.number) } }
            td data-head="Who" { (entry.actor) }
            td data-head="What" {
                (what(entry))
                @if let Some(command) = &entry.command { small { "Command " code { (command) } } }
            }
            td data-head="Device" {
                @if let Some(device) = &entry.device { a href={ "/devices/" (device) } { code { (device) } } }
            }
            td data-head="From" { (entry.address.as_deref().unwrap_or_default()) }
            td data-head="Plugin" {
                @if let Some(plugin) = &entry.plugin {
                    code title=(plugin) { (plugin.get(..12).unwrap_or(plugin)) "…" }
                }
            }
        }
    }
}

fn filter(form: &AuditForm) -> Markup {
    let field = |name: &str, label: &str, kind: &str, value: &str| {
        html! {
            div {
                label for=(name) { (label) }
                input id=(name) type=(kind) name=(name) value=(value) autocapitalize="off" spellcheck="false";
            }
        }
    };
    html! {
        form .card .filter method="get" action="/audit" role="search" aria-label="Filter the audit trail" {
            (field("device", "Device (its id)", "text", &form.device))
            (field("actor", "Who", "text", &form.actor))
            (field("action", "What (its word)", "text", &form.action))
            (field("text", "Text", "search", &form.text))
            (field("from", "From", "date", &form.from))
            (field("until", "Until", "date", &form.until))
            div .buttons {
                button .primary type="submit" { "Filter" }
                a .button href="/audit" { "Show all" }
            }
        }
    }
}
