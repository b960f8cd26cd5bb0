//! Enrollment of devices.

use super::{rates::AgentRates, replay_guard::ReplayGuard};
use crate::{
    bounds::check_device_name,
    device_records::DeviceRecords,
    error::ServerError,
    history::History,
    keys::HostKeys,
    metrics::Metrics,
    platform::PasswordHost,
    store::{NewDevice, Replicas, Store},
    token::TokenDigest,
};
use mdm_agent_protocol::sync::{DeviceInfo, EnrollRequest, EnrollResponse, MAX_VERSION_LENGTH};
use mdm_contract::time;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Enrollment, authentication and syncs of agents.
pub struct Agents {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) host: Arc<PasswordHost>,
    pub(crate) records: DeviceRecords,
    pub(crate) keys: Arc<HostKeys>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) history: Arc<History>,
    pub(crate) replicas: Option<Arc<dyn Replicas>>,
    pub(crate) replay_guard: ReplayGuard,
    pub(crate) rates: AgentRates,
    /// Cancelled when the server closes, to end waiting syncs.
    pub(crate) closing: CancellationToken,
}

impl Agents {
    /// Enrolls a device, and uses up the token.
    pub async fn enroll(
        &self,
        token: TokenDigest,
        request: EnrollRequest,
    ) -> Result<EnrollResponse, ServerError> {
        check_device_name(&request.name)?;
        check(&request.device_info)?;
        let device = NewDevice {
            id: Uuid::now_v7().to_string(),
            name: request.name,
            public_key: request.public_key,
            signing_key: request.signing_key,
            device_info: request.device_info,
            at: time::now(),
        };
        let id = device.id.clone();
        if !self.store.enroll(token, device).await? {
            return Err(ServerError::BadEnrollmentToken);
        }
        self.metrics.enrollments.inc();
        self.records.commits.changes.changed(&id);
        self.records.commits.events.notify_one();
        tracing::info!(device = id, "a device enrolled");
        Ok(EnrollResponse {
            host_key: self.keys.signing_key().verifying_key().clone(),
            token_key: self.keys.token_key(&id).public_key(),
            device: id,
        })
    }
}

/// Checks device info on which later requests depend.
pub(super) fn check(device_info: &DeviceInfo) -> Result<(), ServerError> {
    let version = &device_info.agent_version;
    match version.len() > MAX_VERSION_LENGTH || version.contains('\0') {
        false => Ok(()),
        true => Err(ServerError::BadRequest(format!(
            "an agent's version has {MAX_VERSION_LENGTH} bytes at most, and no NUL"
        ))),
    }
}
