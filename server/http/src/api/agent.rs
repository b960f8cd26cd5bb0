//! The agent's routes, as in `mdm_agent_protocol::sync`.

use super::{auth::Bearer, problem::ApiError, signed::SignedCall};
use axum::{Json, extract::State, http::StatusCode};
use mdm_agent_protocol::{
    signature::{AGENT, NEW},
    sync::{
        Answered as _, EnrollRequest, EnrollResponse, RotateKeysRequest, RotateKeysResponse,
        SuccessionRequest, SyncResponse,
    },
};
use mdm_server_core::agents::Agents;
use std::sync::Arc;

pub(super) async fn enroll(
    Bearer(token): Bearer,
    State(agents): State<Arc<Agents>>,
    call: SignedCall,
) -> Result<(StatusCode, Json<EnrollResponse>), ApiError> {
    let request: EnrollRequest = call.json()?;
    // The token is spent by this, so it needs no protection from being replayed.
    call.verify_enrollment(&request.signing_key)?;
    Ok((
        StatusCode::CREATED,
        Json(agents.enroll(token, request).await?),
    ))
}

pub(super) async fn sync(
    State(agents): State<Arc<Agents>>,
    call: SignedCall,
) -> Result<Json<SyncResponse>, ApiError> {
    let agent = call
        .authenticate_agent(&agents, &[AGENT], SyncResponse::KIND)
        .await?;
    let request = call.json()?;
    // It holds what its connection was read into, and a sync may wait for a minute.
    drop(call);
    Ok(Json(agents.sync(&agent, request).await?))
}

pub(super) async fn rotate_keys(
    State(agents): State<Arc<Agents>>,
    call: SignedCall,
) -> Result<Json<RotateKeysResponse>, ApiError> {
    let kind = RotateKeysResponse::KIND;
    let agent = call
        .authenticate_agent(&agents, &[AGENT, NEW], kind)
        .await?;
    let request: RotateKeysRequest = call.json()?;
    call.verify_new_key(&agent.device, &request.signing_key)?;
    Ok(Json(agents.rotate_keys(&agent.device, request).await?))
}

pub(super) async fn succeed(
    State(agents): State<Arc<Agents>>,
    call: SignedCall,
) -> Result<Json<RotateKeysResponse>, ApiError> {
    let SuccessionRequest { successions } = call.json()?;
    let (agent, keys) = call.authenticate_successor(&agents, &successions).await?;
    Ok(Json(agents.rotate_keys(&agent.device, keys).await?))
}
