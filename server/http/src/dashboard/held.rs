//! Deciding about the commands from before a restore; the notice is in the frame of each page.

use super::{error::PageError, form::Form, state::DashboardState};
use axum::response::Redirect;
use serde::Deserialize;

/// A form with nothing but its token.
#[derive(Deserialize)]
pub(super) struct Decision {}

pub(super) async fn release(
    dashboard: DashboardState,
    Form(signed_in, Decision {}): Form<Decision>,
) -> Result<Redirect, PageError> {
    dashboard.server.restores.release(&signed_in.caller).await?;
    Ok(Redirect::to("/devices"))
}

pub(super) async fn cancel(
    dashboard: DashboardState,
    Form(signed_in, Decision {}): Form<Decision>,
) -> Result<Redirect, PageError> {
    dashboard.server.restores.cancel(&signed_in.caller).await?;
    Ok(Redirect::to("/devices"))
}
