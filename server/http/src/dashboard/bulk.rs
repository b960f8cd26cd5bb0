//! The page of a bulk: its progress, its failures and its actions.

use super::{
    bulks,
    error::PageError,
    form::Form,
    frame::sentence,
    page::{Page, form_token},
    session::SignedIn,
    sign_in::Nothing,
    state::DashboardState,
    texts,
};
use crate::api::table;
use axum::{
    extract::Path,
    response::{Redirect, Response},
};
use maud::{Markup, html};
use mdm_contract::{Failure, Status};
use mdm_server_core::{
    access::Permission,
    store::{Bulk, BulkAnswer, BulkFailures, BulkProgress, BulkState, DeviceError, StatusKind},
};
use serde::Deserialize;
use std::sync::Arc;

/// Failed devices on the page. The CSV report has all of them.
const MAX_FAILURES: u32 = 50;

pub(super) async fn page(
    signed_in: SignedIn,
    dashboard: DashboardState,
    Path(bulk): Path<String>,
) -> Result<Markup, PageError> {
    let server = &dashboard.server;
    let bulk = server.bulks.get(&signed_in.caller, &bulk).await?;
    let progress = server.bulks.progress(&bulk).await?;
    let failures = server.bulks.failures(&bulk).await?;
    let failed = server
        .bulks
        .answers(&signed_in.caller, &bulk.id, true, None, MAX_FAILURES)
        .await?;
    let title = format!("{} · {}", texts::action(bulk.action), bulk.group);
    let page = Page {
        title: &title,
        place: "/bulks",
        live: Some("/live".into()),
    };
    let content = html! {
        p .trail { a href="/bulks" { "Bulks" } }
        h1 { (title) }
        div #part-bulk data-part .cards {
            section .card .wide aria-labelledby="progress-title" { (shown(&bulk, &progress)) }
            @if let Some(actions) = actions(&signed_in, &bulk, &progress) { (actions) }
            @if !failures.is_empty() { (came_to_nothing(&bulk, &failures, &failed)) }
        }
    };
    Ok(page.with(&signed_in, content))
}

fn shown(bulk: &Bulk, progress: &BulkProgress) -> Markup {
    let (answered, completed) = (progress.answered(), progress.completed());
    // Devices may have joined or left the group since.
    let all = bulk.devices.max(answered);
    html! {
        h2 #progress-title { "Progress" }
        p { (bulks::state(bulk.state)) " " (completed) " of " (all) " devices have an outcome." }
        progress .bar-of max=(all) value=(completed) aria-label="Devices that have an outcome" {}
        (counts(progress))
        @if bulk.state == BulkState::Cancelled && answered < all {
            p { (all - answered) " devices got no command: the bulk was cancelled." }
        }
        @if bulk.unique_passwords && progress.pending > 0 {
            p .alert {
                "The password export contains passwords of pending devices: each is valid once its command has succeeded. "
                "The table below shows the status of each device."
            }
        }
        @if bulk.cancel_requested_by.is_some() { p .alert { "Its pending commands are being cancelled." } }
        dl .facts {
            div { dt { "Requested by" } dd { (bulk.requested_by) ", " (texts::time(bulk.requested_at)) } }
            @if let Some(by) = &bulk.approved_by { div { dt { "Approved by" } dd { (by) } } }
            @if let Some(at) = bulk.ended_at { div { dt { "Ended" } dd { (texts::time(at)) } } }
            @if let Some(reason) = &bulk.reason { div { dt { "Reason" } dd { (reason) } } }
            @if bulk.unique_passwords { div { dt { "Passwords" } dd { "a different one for each device" } } }
        }
        p { a href={ "/bulks/" (bulk.id) "/report.csv" } { "Download the result of each device (CSV)" } }
    }
}

/// The number of devices by outcome. Rare outcomes are shown only if they occur.
fn counts(progress: &BulkProgress) -> Markup {
    let rare = [
        (StatusKind::Cancelled, progress.cancelled),
        (StatusKind::Expired, progress.expired),
        (StatusKind::Superseded, progress.superseded),
    ];
    html! {
        p {
            (texts::status_badge(StatusKind::Pending)) " " (progress.pending) " "
            (texts::status_badge(StatusKind::Success)) " " (progress.success) " "
            (texts::status_badge(StatusKind::Failed)) " " (progress.failed) " "
            (texts::refused()) " " (progress.refused)
            @for (status, devices) in rare {
                @if devices > 0 { " " (texts::status_badge(status)) " " (devices) }
            }
        }
    }
}

/// The actions that this user may take on the bulk now.
fn actions(signed_in: &SignedIn, bulk: &Bulk, progress: &BulkProgress) -> Option<Markup> {
    let is_own = bulk.requested_by == signed_in.caller.actor;
    let is_over = bulk.state.is_over();
    let can_cancel = signed_in.may(Permission::ChangePassword)
        && (!is_over || progress.pending > 0)
        && bulk.cancel_requested_by.is_none();
    let waits = bulk.state == BulkState::WaitingForApproval;
    let can_download = bulk.state == BulkState::WaitingForDownload
        && is_own
        && signed_in.may(Permission::ChangePassword);
    if !(can_cancel || waits || can_download) {
        return None;
    }
    let post = |action: &str, content: Markup| {
        html! {
            form method="post" action={ "/bulks/" (bulk.id) "/" (action) } {
                (form_token(signed_in))
                (content)
            }
        }
    };
    Some(html! {
        section .card .wide aria-labelledby="actions-title" {
            h2 #actions-title { "Actions" }
            @if waits && bulk.principal == signed_in.caller.actor {
                p { "Another user has to approve it, because it has many devices." }
            } @else if waits && signed_in.may(Permission::Approve) {
                (post("approve", html! { button .primary type="submit" { "Approve" } }))
            } @else if waits {
                p { "A user with the permission to approve bulks has to approve it." }
            }
            @if can_download {
                p {
                    "Each device gets its own password. The passwords can be downloaded once, and are stored nowhere else: "
                    "keep the file safe, and open this page again when it is there. The password export has no password for a "
                    "device that refuses it or fails at once; that of a device which is pending counts once it has "
                    "succeeded. If the download breaks off, the commands that are pending are cancelled, and the rest "
                    "is not made."
                }
                (post("export", html! { button .primary type="submit" { "Start, and download the passwords" } }))
            }
            @if can_cancel {
                (post("cancel", html! {
                    @if is_over {
                        input type="hidden" name="also_commands" value="on";
                        button .danger type="submit" { "Cancel its pending commands" }
                    } @else {
                        label .check {
                            input type="checkbox" name="also_commands";
                            span { "Cancel commands that are pending, too" }
                        }
                        button .danger type="submit" { "Cancel the bulk" }
                    }
                }))
            }
        }
    })
}

fn came_to_nothing(bulk: &Bulk, failures: &[BulkFailures], failed: &[BulkAnswer]) -> Markup {
    html! {
        section .card .wide aria-labelledby="failures-title" {
            h2 #failures-title { "Failures" }
            ul .notes {
                @for failure in failures {
                    li {
                        strong { (failure.devices) } (if failure.devices == 1 { " device: " } else { " devices: " })
                        (match &failure.why {
                            Ok(status) => why(status),
                            Err(DeviceError { detail, .. }) => sentence(detail),
                        })
                    }
                }
            }
        }
        section .card .wide .scroll tabindex="0" aria-label="Failed devices" {
            table .stacked {
                thead { tr { th { "Device" } th { "Status" } th { "Why" } } }
                tbody {
                    @for answer in failed {
                        tr {
                            td { a href={ "/devices/" (answer.device) } { (answer.name) } }
                            @match &answer.answer {
                                Ok(command) => {
                                    td data-head="Status" { (texts::status(Some(&command.status))) }
                                    td data-head="Why" { (why(&command.status)) }
                                }
                                Err(no) => {
                                    td data-head="Status" { (texts::refused()) }
                                    td data-head="Why" { (sentence(&no.detail)) }
                                }
                            }
                        }
                    }
                }
            }
            @if failed.len() == MAX_FAILURES as usize {
                p .help {
                    "The first " (MAX_FAILURES) " of them. "
                    a href={ "/bulks/" (bulk.id) "/report.csv" } { "All are in the table." }
                }
            }
        }
    }
}

fn why(status: &Status) -> String {
    match status {
        // Which one it was differs from device to device.
        Status::Failed(Failure::Superseded(_)) => "A later command replaced it.".to_owned(),
        Status::Failed(failure) => sentence(&failure.to_string()),
        status => status.to_string(),
    }
}

pub(super) async fn report(
    signed_in: SignedIn,
    dashboard: DashboardState,
    Path(bulk): Path<String>,
) -> Result<Response, PageError> {
    let bulk = dashboard.server.bulks.get(&signed_in.caller, &bulk).await?;
    let bulks = Arc::clone(&dashboard.server.bulks);
    Ok(table::bulk_report(bulks, signed_in.caller, &bulk))
}

/// The form as it is sent.
#[derive(Deserialize)]
pub(super) struct Cancel {
    also_commands: Option<String>,
}

pub(super) async fn cancel(
    dashboard: DashboardState,
    Path(bulk): Path<String>,
    Form(signed_in, form): Form<Cancel>,
) -> Result<Redirect, PageError> {
    dashboard
        .server
        .bulks
        .cancel(&signed_in.caller, &bulk, form.also_commands.is_some())
        .await?;
    Ok(to(&bulk))
}

pub(super) async fn approve(
    dashboard: DashboardState,
    Path(bulk): Path<String>,
    Form(signed_in, _): Form<Nothing>,
) -> Result<Redirect, PageError> {
    dashboard
        .server
        .bulks
        .approve(&signed_in.caller, &bulk)
        .await?;
    Ok(to(&bulk))
}

pub(super) async fn export(
    dashboard: DashboardState,
    Path(bulk): Path<String>,
    Form(signed_in, _): Form<Nothing>,
) -> Result<Response, PageError> {
    let lines = dashboard
        .server
        .password_exports
        .download(&signed_in.caller, &bulk)
        .await?;
    Ok(table::bulk_password_export(&bulk, lines))
}

/// To the page of a bulk.
pub(super) fn to(bulk: &str) -> Redirect {
    Redirect::to(&format!("/bulks/{bulk}"))
}
