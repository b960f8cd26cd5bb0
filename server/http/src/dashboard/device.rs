//! The page of a device: what is known of it, and what can be done.

use super::{Host, device_view, error::PageError, form::Form, reset, session::SignedIn};
use axum::{extract::Path, response::Redirect};
use maud::Markup;
use mdm_contract::decisions::{Command, DeviceOutlook, DeviceStatus};
use mdm_server_core::{audit::AuditEntry, service::ServiceError, store::Snapshot};
use serde::Deserialize;

/// How many lines of the audit trail a device's page shows.
const MOST_AUDIT: u32 = 200;

/// What the page shows. Where the plugin can't be asked, the page says so, and shows the rest.
pub(super) struct Shown {
    /// The device.
    pub(super) snapshot: Snapshot,
    /// Whether it is in contact.
    pub(super) is_online: bool,
    /// What the plugin says of it.
    pub(super) status: Result<DeviceStatus, ServiceError>,
    /// What a reset would come to now.
    pub(super) outlook: Result<DeviceOutlook, ServiceError>,
    /// Its commands.
    pub(super) commands: Vec<Command>,
    /// Its part of the audit trail.
    pub(super) audit: Vec<AuditEntry>,
}

pub(super) async fn page(
    signed_in: SignedIn,
    host: Host,
    Path(device): Path<String>,
) -> Result<Markup, PageError> {
    let service = &host.service;
    let (snapshot, is_online) = service.device(&signed_in.caller, &device).await?;
    // As the form of a reset foretells it when it is opened.
    let request = reset::Filled::default().request();
    let shown = Shown {
        is_online,
        status: service
            .status(&signed_in.caller, &device)
            .await
            .map(|(status, _)| status),
        outlook: service.outlook(&signed_in.caller, &device, request).await,
        commands: service.history(&signed_in.caller, &device).await?,
        audit: service
            .device_audit(&signed_in.caller, &device, MOST_AUDIT)
            .await?,
        snapshot,
    };
    Ok(device_view::view(&signed_in, &shown))
}

#[derive(Deserialize)]
pub(super) struct Cancel {
    command: String,
}

pub(super) async fn cancel(
    host: Host,
    Path(device): Path<String>,
    Form(signed_in, Cancel { command }): Form<Cancel>,
) -> Result<Redirect, PageError> {
    host.service
        .cancel(&signed_in.caller, &device, &command)
        .await?;
    Ok(to(&device))
}

/// Back to the page of a device.
pub(super) fn to(device: &str) -> Redirect {
    Redirect::to(&format!("/devices/{device}"))
}
