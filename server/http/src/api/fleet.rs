//! The routes about all devices together: lists, numbers and groups.

use super::{
    auth::Authenticated,
    components::Components,
    model::{DeviceList, DeviceView},
    parts::Query,
    problem::ApiError,
    tags::DEVICES,
};
use axum::{Json, extract::State};
use mdm_contract::{
    ManagementMode,
    time::{self, Timestamp},
};
use mdm_server_core::{
    bounds::page_size,
    devices::Devices,
    store::{DeviceFilter, FleetSummary, Group, StatusKind},
};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

type DevicesState = State<Arc<Devices>>;
type JsonResult<T> = Result<Json<T>, ApiError>;

pub(super) fn router() -> OpenApiRouter<Components> {
    OpenApiRouter::new()
        .routes(routes!(devices))
        .routes(routes!(summary))
        .routes(routes!(groups))
}

/// Which devices: those that fit all of this. A parameter that is misspelt is refused, because without it a list
/// would be longer than it was meant to be.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DeviceQuery {
    /// Part of the name or of the id, in capital or small letters.
    search: Option<String>,
    /// The status: that of the latest command, or `revoked`.
    #[param(inline)]
    status: Option<StatusKind>,
    /// The policy is overridden, or not.
    overridden: Option<bool>,
    /// A group that they are in.
    group: Option<String>,
    /// Their management mode.
    #[param(inline)]
    management_mode: Option<ManagementMode>,
    /// The last sync was then or later.
    #[serde(with = "time::bound", default)]
    #[param(value_type = Option<String>, format = DateTime)]
    synced_since: Option<Timestamp>,
    /// The last sync was earlier.
    #[serde(with = "time::bound", default)]
    #[param(value_type = Option<String>, format = DateTime)]
    synced_before: Option<Timestamp>,
    /// Only revoked devices (`true`), or only others (`false`).
    revoked: Option<bool>,
    /// `next` of the page before. No summary has pages.
    after: Option<String>,
    /// The size of a page: 100 by default.
    limit: Option<u32>,
}

impl From<DeviceQuery> for DeviceFilter {
    fn from(asked: DeviceQuery) -> Self {
        Self {
            search: asked.search,
            status: asked.status,
            is_overridden: asked.overridden,
            group: asked.group,
            management_mode: asked.management_mode,
            synced_since: asked.synced_since,
            synced_before: asked.synced_before,
            is_revoked: asked.revoked,
        }
    }
}

/// The devices, page by page.
#[utoipa::path(
    get,
    path = "/devices",
    tag = DEVICES,
    params(DeviceQuery),
    responses((status = 200, body = DeviceList)),
)]
async fn devices(
    Authenticated(by): Authenticated,
    devices: DevicesState,
    Query(mut asked): Query<DeviceQuery>,
) -> JsonResult<DeviceList> {
    let limit = page_size(asked.limit, 100)?;
    let after = asked.after.take();
    let page = devices
        .list(&by, &asked.into(), after.as_deref(), limit)
        .await?;
    let devices = page.devices.into_iter().map(DeviceView::from).collect();
    Ok(Json(DeviceList {
        devices,
        next: page.next,
    }))
}

/// The number of devices by status.
#[utoipa::path(
    get,
    path = "/summary",
    tag = DEVICES,
    params(DeviceQuery),
    responses((status = 200, body = FleetSummary)),
)]
async fn summary(
    Authenticated(by): Authenticated,
    devices: DevicesState,
    Query(asked): Query<DeviceQuery>,
) -> JsonResult<FleetSummary> {
    // A summary has no pages, but validates these parameters as a list does.
    page_size(asked.limit, 1)?;
    Ok(Json(devices.summary(&by, &asked.into()).await?))
}

/// The groups that have devices.
#[utoipa::path(
    get,
    path = "/groups",
    tag = DEVICES,
    responses((status = 200, body = Vec<Group>)),
)]
async fn groups(Authenticated(by): Authenticated, devices: DevicesState) -> JsonResult<Vec<Group>> {
    Ok(Json(devices.groups(&by).await?))
}
