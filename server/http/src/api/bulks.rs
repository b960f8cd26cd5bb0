//! Bulks: requests for all devices of a group.

use super::{
    auth::Authenticated,
    body::Body,
    components::Components,
    guard::require,
    model::{BulkAnswerList, BulkList, BulkView},
    parts::{Path, Query},
    problem::ApiError,
    table,
    tags::PASSWORDS,
};
use axum::{Json, extract::State, http::StatusCode, response::Response};
use mdm_server_core::{
    access::Permission,
    bounds::page_size,
    bulks::Bulks,
    bulks::{BulkPreview, BulkRequest, PasswordExports},
    error::ServerError,
    store::Bulk,
};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

type BulksState = State<Arc<Bulks>>;
type JsonResult<T> = Result<Json<T>, ApiError>;

pub(super) fn router() -> OpenApiRouter<Components> {
    let seen = OpenApiRouter::new()
        .routes(routes!(bulks))
        .routes(routes!(preview))
        .routes(routes!(bulk))
        .routes(routes!(answers))
        .routes(routes!(report));
    let asked = OpenApiRouter::new()
        .routes(routes!(start))
        .routes(routes!(cancel))
        .routes(routes!(export));
    // None approves: programs can't, and users do so on the dashboard.
    require(Permission::See, seen).merge(require(Permission::ChangePassword, asked))
}

async fn view(bulks: &Bulks, bulk: Bulk) -> Result<BulkView, ServerError> {
    let progress = bulks.progress(&bulk).await?;
    Ok((bulk, progress).into())
}

/// Requests a bulk: a reset or a remove of each device of a group.
///
/// The bulk starts by itself, with two exceptions. If it needs approval, it waits until a user on the dashboard
/// approves it, other than its requester or the owner of the requesting token. If each device gets a unique password,
/// it starts with the download of its password export.
#[utoipa::path(
    post,
    path = "/bulks",
    operation_id = "start_bulk",
    tag = PASSWORDS,
    request_body = BulkRequest,
    responses((status = 202, body = BulkView)),
)]
async fn start(
    Authenticated(by): Authenticated,
    bulks: BulksState,
    Body(request): Body<BulkRequest>,
) -> Result<(StatusCode, Json<BulkView>), ApiError> {
    let bulk = bulks.start(&by, request).await?;
    Ok((StatusCode::ACCEPTED, Json(view(&bulks, bulk).await?)))
}

/// Previews a bulk, with the number of devices for each verdict. Nothing is sent.
#[utoipa::path(
    post,
    path = "/bulks/preview",
    operation_id = "bulk_preview",
    tag = PASSWORDS,
    request_body = BulkRequest,
    responses((status = 200, body = BulkPreview)),
)]
async fn preview(
    Authenticated(by): Authenticated,
    bulks: BulksState,
    Body(request): Body<BulkRequest>,
) -> JsonResult<BulkPreview> {
    Ok(Json(bulks.preview(&by, &request).await?))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Before {
    /// `next` of the page before.
    before: Option<String>,
    /// The size of a page: 50 by default.
    limit: Option<u32>,
}

/// The bulks, latest first.
#[utoipa::path(
    get,
    path = "/bulks",
    operation_id = "bulks",
    tag = PASSWORDS,
    params(Before),
    responses((status = 200, body = BulkList)),
)]
async fn bulks(
    Authenticated(by): Authenticated,
    bulks: BulksState,
    Query(page): Query<Before>,
) -> JsonResult<BulkList> {
    let limit = page_size(page.limit, 50)?;
    let found = bulks.list(&by, page.before.as_deref(), limit).await?;
    let is_full = found.len() == limit as usize;
    let last = found.last().map(|bulk| bulk.id.clone());
    let mut views = Vec::with_capacity(found.len());
    for bulk in found {
        views.push(view(&bulks, bulk).await?);
    }
    Ok(Json(BulkList {
        bulks: views,
        next: last.filter(|_| is_full),
    }))
}

/// A bulk, and how far it is.
#[utoipa::path(
    get,
    path = "/bulks/{bulk}",
    operation_id = "bulk",
    tag = PASSWORDS,
    responses((status = 200, body = BulkView)),
)]
async fn bulk(
    Authenticated(by): Authenticated,
    bulks: BulksState,
    Path(bulk): Path<String>,
) -> JsonResult<BulkView> {
    let bulk = bulks.get(&by, &bulk).await?;
    Ok(Json(view(&bulks, bulk).await?))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct After {
    /// `next` of the page before.
    after: Option<String>,
    /// The size of a page: 100 by default.
    limit: Option<u32>,
    /// Only devices on which the bulk failed.
    #[serde(default)]
    only_failures: bool,
}

/// The result of a bulk on each device: the command, or the error.
#[utoipa::path(
    get,
    path = "/bulks/{bulk}/answers",
    operation_id = "bulk_answers",
    tag = PASSWORDS,
    params(After),
    responses((status = 200, body = BulkAnswerList)),
)]
async fn answers(
    Authenticated(by): Authenticated,
    bulks: BulksState,
    Path(bulk): Path<String>,
    Query(page): Query<After>,
) -> JsonResult<BulkAnswerList> {
    let limit = page_size(page.limit, 100)?;
    let answers = bulks
        .answers(&by, &bulk, page.only_failures, page.after.as_deref(), limit)
        .await?;
    let is_full = answers.len() == limit as usize;
    let last = answers.last().map(|answer| answer.device.clone());
    Ok(Json(BulkAnswerList {
        answers: answers.into_iter().map(Into::into).collect(),
        next: last.filter(|_| is_full),
    }))
}

/// The result of a bulk on each device, as CSV.
#[utoipa::path(
    get,
    path = "/bulks/{bulk}/report.csv",
    operation_id = "bulk_report",
    tag = PASSWORDS,
    responses((status = 200, content_type = "text/csv; charset=utf-8", body = String)),
)]
async fn report(
    Authenticated(by): Authenticated,
    bulks: BulksState,
    Path(bulk): Path<String>,
) -> Result<Response, ApiError> {
    let bulk = bulks.get(&by, &bulk).await?;
    Ok(table::bulk_report(Arc::clone(&bulks), by, &bulk))
}

/// The options of a cancel.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Cancel {
    /// Cancel its pending commands, too.
    #[serde(default)]
    also_commands: bool,
}

/// Makes no more commands of a bulk, and takes back those that are pending, if that is wanted.
#[utoipa::path(
    post,
    path = "/bulks/{bulk}/cancel",
    operation_id = "cancel_bulk",
    tag = PASSWORDS,
    request_body = Cancel,
    responses((status = 200, body = BulkView)),
)]
async fn cancel(
    Authenticated(by): Authenticated,
    bulks: BulksState,
    Path(bulk): Path<String>,
    Body(Cancel { also_commands }): Body<Cancel>,
) -> JsonResult<BulkView> {
    let bulk = bulks.cancel(&by, &bulk, also_commands).await?;
    Ok(Json(view(&bulks, bulk).await?))
}

/// Starts a bulk with unique passwords, and returns a table of the passwords, once.
///
/// A line has a password if its device has taken it (`success`), or may take it yet (`pending`): such a password
/// counts only once the report of the bulk says `success`. A device whose command is refused, or that fails at once,
/// has none.
///
/// If the download breaks off, no more commands are made, and those that are pending are cancelled: their passwords
/// may not have been delivered.
#[utoipa::path(
    post,
    path = "/bulks/{bulk}/passwords.csv",
    operation_id = "bulk_password_export",
    tag = PASSWORDS,
    responses((status = 200, content_type = "text/csv; charset=utf-8", body = String)),
)]
async fn export(
    Authenticated(by): Authenticated,
    State(exports): State<Arc<PasswordExports>>,
    Path(bulk): Path<String>,
) -> Result<Response, ApiError> {
    let lines = exports.download(&by, &bulk).await?;
    Ok(table::bulk_password_export(&bulk, lines))
}
