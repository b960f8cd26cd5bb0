//! Enrollment: the agent makes its keys, and the host takes its device in.

use crate::{
    call::{CallError, Caller, http_client},
    error::AgentError,
    keys::DeviceKeys,
    state::{Agent, Home},
    sync::sync_once,
    token,
};
use mdm_agent_protocol::{
    signature::NEW,
    sync::{ENROLL_PATH, EnrollRequest, EnrollResponse},
};

/// The parameters of an enrollment.
pub struct Enrollment {
    /// The host's address.
    pub host: String,
    /// The certificates of the authority (CA) that issued the server's certificate, in PEM. `None` to use the system's
    /// root certificates.
    pub authorities: Option<String>,
    /// The name of the device.
    pub name: String,
    /// The agent's version.
    pub agent_version: String,
    /// The agent can use its reset token before the first unlock after a boot.
    pub direct_boot_aware: bool,
}

/// Enrolls a device with an enrollment token, which is then spent. Returns the device's id. If the first sync fails,
/// the device is enrolled nevertheless, and [`run`](crate::sync::run) repeats the sync.
pub async fn enroll(home: &Home, enrollment: Enrollment, token: &str) -> Result<String, CallError> {
    let host = enrollment.host.trim_end_matches('/').to_owned();
    let keys = DeviceKeys::generate().map_err(AgentError::from)?;
    let signing_key = keys.signing_key().map_err(AgentError::from)?;
    let device = home.device.read().map_err(AgentError::from)?;
    let request = EnrollRequest {
        name: enrollment.name,
        public_key: keys.public_key().map_err(AgentError::from)?,
        signing_key: signing_key.verifying_key().clone(),
        device_info: token::device_info_before_enrollment(
            &device,
            enrollment.agent_version.clone(),
            enrollment.direct_boot_aware,
        ),
    };
    let http = http_client(&host, enrollment.authorities.as_deref(), 0)?;
    let caller = Caller {
        host: &host,
        device: NEW,
        keys: &[(NEW, &signing_key)],
        host_key: None,
        host_clock_ahead: 0,
    };
    let answered = caller
        .post::<EnrollResponse>(&http, ENROLL_PATH, Some(token), &request)
        .await?;
    let mut agent = Agent::new(host, keys, answered.body);
    agent.authorities = enrollment.authorities;
    agent.agent_version = enrollment.agent_version;
    agent.direct_boot_aware = enrollment.direct_boot_aware;
    home.agent.create(&agent).map_err(AgentError::from)?;
    token::provision(home)?;
    // The server needs the state of the reset token before its first preview.
    match sync_once(home, &http, 0).await {
        Ok(_) => {}
        Err(error @ CallError::Agent(_)) => return Err(error),
        Err(error) => tracing::warn!("enrolled, but the first sync failed: {error}"),
    }
    Ok(agent.device)
}
