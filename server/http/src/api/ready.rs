//! `/ready`, for load balancers.

use super::{
    problem::{ApiError, PROBLEM_JSON},
    startup_gate::not_ready,
    tags::HOST,
};
use axum::{Json, extract::State};
use mdm_agent_protocol::sync::Problem;
use mdm_server_core::{health::Health, health::Readiness};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// The server can serve requests.
#[derive(Serialize, ToSchema)]
pub(super) struct Ready {
    /// Parts that fail while the server serves without them.
    degraded: Vec<String>,
}

/// Reports if the server can serve now.
#[utoipa::path(
    get,
    path = "/ready",
    operation_id = "ready",
    tag = HOST,
    responses(
        (status = 200, body = Ready),
        (status = 503, content_type = PROBLEM_JSON, body = Problem, description = "It can't: `detail` says why."),
    ),
)]
pub(super) async fn read(State(health): State<Arc<Health>>) -> Result<Json<Ready>, ApiError> {
    let Readiness { failures, degraded } = health.readiness().await;
    match failures.is_empty() {
        true => Ok(Json(Ready { degraded })),
        false => Err(not_ready(&failures.join("; "))),
    }
}
