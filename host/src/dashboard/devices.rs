//! The list of devices.

use super::{Host, error::PageError, frame::Page, session::SignedIn, texts};
use axum::extract::Query;
use maud::{Markup, html};
use serde::Deserialize;

/// How many devices a page of the list has.
const PAGE: u32 = 50;

#[derive(Deserialize)]
pub(super) struct Asked {
    after: Option<String>,
}

pub(super) async fn page(
    signed_in: SignedIn,
    host: Host,
    Query(asked): Query<Asked>,
) -> Result<Markup, PageError> {
    let list = host
        .service
        .devices(
            &signed_in.caller,
            &crate::store::DeviceFilter::default(),
            asked.after.as_deref(),
            PAGE,
        )
        .await?;
    let page = Page {
        title: "Devices",
        place: "/devices",
        live: Some("/live".into()),
    };
    let content = html! {
        h1 { "Devices" }
        div #part-list data-part {
            table {
                thead { tr { th { "Name" } th { "Status" } th { "Policy" } th { "Last sync" } } }
                tbody {
                    @for (snapshot, _) in &list.devices {
                        tr {
                            td { a href={ "/devices/" (snapshot.device.id) } { (snapshot.name) } }
                            td { (texts::status(snapshot.latest.as_ref().map(|it| &it.status))) }
                            td { @if snapshot.device.policy_override.is_some() { "overridden" } }
                            td { (texts::time(snapshot.device.last_sync)) }
                        }
                    }
                }
            }
        }
    };
    Ok(page.with(&signed_in, content))
}
