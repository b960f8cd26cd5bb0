//! The list of devices.

use super::{
    devices_query::DevicesQuery,
    devices_view::{self, DevicesView},
    error::PageError,
    form::filled,
    session::SignedIn,
    state::DashboardState,
};
use axum::extract::Query;
use maud::Markup;
use mdm_contract::time;
use mdm_server_core::store::DeviceFilter;

/// Devices on a page.
const PAGE: u32 = 50;

pub(super) async fn page(
    signed_in: SignedIn,
    dashboard: DashboardState,
    Query(asked): Query<DevicesQuery>,
) -> Result<Markup, PageError> {
    let by = &signed_in.caller;
    let filter = asked.filter(time::now());
    let whole = DeviceFilter {
        status: None,
        is_overridden: None,
        ..filter.clone()
    };
    let shown = DevicesView {
        list: dashboard
            .server
            .devices
            .list(by, &filter, filled(&asked.after), PAGE)
            .await?,
        summary: dashboard.server.devices.summary(by, &whole).await?,
        groups: dashboard.server.devices.groups(by).await?,
        asked,
    };
    Ok(devices_view::view(&signed_in, &shown))
}
