//! The page of a device: its state and its actions.

use super::{
    device_view::{self, DeviceView},
    error::PageError,
    form::Form,
    reset_view::ResetForm,
    session::SignedIn,
    state::DashboardState,
};
use axum::{extract::Path, response::Redirect};
use maud::Markup;
use serde::Deserialize;

/// Lines of the audit trail on a device's page.
const MAX_AUDIT: u32 = 200;

pub(super) async fn page(
    signed_in: SignedIn,
    dashboard: DashboardState,
    Path(device): Path<String>,
) -> Result<Markup, PageError> {
    let server = &dashboard.server;
    let (snapshot, is_online) = server.devices.get(&signed_in.caller, &device).await?;
    // As the form of a reset previews it when it is opened.
    let request = ResetForm::default().request();
    let shown = DeviceView {
        is_online,
        status: server
            .commands
            .status(&signed_in.caller, &device)
            .await
            .map(|(status, _)| status),
        preview: server
            .commands
            .preview(&signed_in.caller, &device, request)
            .await,
        commands: server.commands.history(&signed_in.caller, &device).await?,
        audit: server
            .audit_trail
            .of_device(&signed_in.caller, &device, MAX_AUDIT)
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
    dashboard: DashboardState,
    Path(device): Path<String>,
    Form(signed_in, Cancel { command }): Form<Cancel>,
) -> Result<Redirect, PageError> {
    dashboard
        .server
        .commands
        .cancel(&signed_in.caller, &device, &command)
        .await?;
    Ok(to(&device))
}

/// Back to the page of a device.
pub(super) fn to(device: &str) -> Redirect {
    Redirect::to(&format!("/devices/{device}"))
}
