//! The list of bulks.

use super::{error::PageError, page::Page, session::SignedIn, state::DashboardState, texts};
use axum::extract::Query;
use maud::{Markup, html};
use mdm_server_core::store::BulkState;
use serde::Deserialize;

/// Bulks on a page.
const PAGE: u32 = 50;

#[derive(Deserialize)]
pub(super) struct BulkQuery {
    before: Option<String>,
}

pub(super) async fn page(
    signed_in: SignedIn,
    dashboard: DashboardState,
    Query(asked): Query<BulkQuery>,
) -> Result<Markup, PageError> {
    let bulks = dashboard
        .server
        .bulks
        .list(&signed_in.caller, asked.before.as_deref(), PAGE)
        .await?;
    let next = bulks.last().filter(|_| bulks.len() == PAGE as usize);
    let page = Page {
        title: "Bulks",
        place: "/bulks",
        live: Some("/live".into()),
    };
    let content = html! {
        h1 { "Bulks" }
        p .quiet { "Resets and removals for all devices of a " a href="/groups" { "group" } "." }
        div #part-bulks data-part {
            @if bulks.is_empty() {
                p { "There are no bulks yet." }
            } @else {
                section .card .scroll tabindex="0" aria-label="Bulks" {
                    table .stacked {
                        thead { tr { th { "Bulk" } th { "State" } th { "Devices" } th { "Requested by" } th { "When" } } }
                        tbody {
                            @for bulk in &bulks {
                                tr {
                                    td {
                                        a href={ "/bulks/" (bulk.id) } {
                                            (texts::action(bulk.action)) " · " (bulk.group)
                                        }
                                    }
                                    td data-head="State" { (state(bulk.state)) }
                                    td data-head="Devices" { (bulk.devices) }
                                    td data-head="Requested by" { (bulk.requested_by) }
                                    td data-head="When" { (texts::time(bulk.requested_at)) }
                                }
                            }
                        }
                    }
                }
            }
            @if let Some(last) = next { p { a href={ "/bulks?before=" (last.id) } { "Earlier ones" } } }
        }
    };
    Ok(page.with(&signed_in, content))
}

/// The state of a bulk.
pub(super) fn state(state: BulkState) -> Markup {
    match state {
        BulkState::WaitingForApproval => texts::badge("pending", "✋", "WAITING FOR APPROVAL"),
        BulkState::WaitingForDownload => texts::badge("pending", "⬇", "WAITING FOR DOWNLOAD"),
        BulkState::Running => texts::badge("pending", "◔", "RUNNING"),
        BulkState::WaitingForDevices => texts::badge("pending", "◔", "WAITING FOR DEVICES"),
        // Neutral, because a finished bulk may have failures.
        BulkState::Done => texts::badge("ended", "■", "DONE"),
        BulkState::Cancelled => texts::badge("cancelled", "◌", "CANCELLED"),
    }
}
