//! The agent's routes: `mdm_wire::sync` says what they take and give.

use super::{
    auth::{Agent, Bearer},
    body::Body,
    problem::ApiError,
};
use crate::service::Service;
use axum::{Json, extract::State, http::StatusCode};
use mdm_wire::sync::{EnrollRequest, EnrollResponse, SyncRequest, SyncResponse};
use std::sync::Arc;

pub(super) async fn enroll(
    Bearer(token): Bearer,
    State(host): State<Arc<Service>>,
    Body(request): Body<EnrollRequest>,
) -> Result<(StatusCode, Json<EnrollResponse>), ApiError> {
    Ok((
        StatusCode::CREATED,
        Json(host.enroll(token, request).await?),
    ))
}

pub(super) async fn sync(
    Agent(device): Agent,
    State(host): State<Arc<Service>>,
    Body(request): Body<SyncRequest>,
) -> Result<Json<SyncResponse>, ApiError> {
    Ok(Json(host.sync(&device, request).await?))
}
