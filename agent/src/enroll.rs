//! Enrollment: the agent makes its keys, and the host takes its device in.

use crate::{
    error::AgentError,
    state::{Agent, Home},
    sync::{SyncError, http_client, post, sync_once},
    token,
};
use mdm_wire::{
    sealing::PrivateKey,
    sync::{ENROLL_PATH, EnrollRequest, EnrollResponse},
};

/// What a device enrolls with.
pub struct Enrollment {
    /// The host's address.
    pub host: String,
    /// The certificates of the authority that vouches for the host, in PEM; none: the system knows it.
    pub authorities: Option<String>,
    /// What people will call the device.
    pub name: String,
    /// The agent's version.
    pub agent_version: String,
    /// Whether the agent can use its reset token before the first unlock after a boot.
    pub direct_boot_aware: bool,
}

/// Enrolls a device, and says which id it got. The token is spent. Should the first sync fail after that,
/// the device is enrolled all the same, and [`run`](crate::sync::run) makes up for it.
pub async fn enroll(home: &Home, enrollment: Enrollment, token: &str) -> Result<String, SyncError> {
    let (private_key, public_key) = PrivateKey::generate();
    let host = enrollment.host.trim_end_matches('/').to_owned();
    let mut agent = Agent::new(
        host,
        String::new(),
        String::new(),
        (&private_key, public_key),
    );
    agent.authorities = enrollment.authorities;
    agent.agent_version = enrollment.agent_version;
    agent.direct_boot_aware = enrollment.direct_boot_aware;
    let request = EnrollRequest {
        name: enrollment.name,
        public_key: agent.public_key.clone(),
        told: token::told(&agent, &home.device.read().map_err(AgentError::from)?),
    };
    let url = format!("{}{ENROLL_PATH}", agent.host);
    let http = http_client(&agent, 0)?;
    let response: EnrollResponse = post(&http, &url, token, &request).await?;
    agent.device = response.device;
    agent.credential = response.credential;
    home.agent.create(&agent).map_err(AgentError::from)?;
    token::provision(home)?;
    // The host is to know of the token before it foretells anything.
    match sync_once(home, &http, 0).await {
        Ok(()) => {}
        Err(error @ SyncError::Agent(_)) => return Err(error),
        Err(error) => tracing::warn!("enrolled, but the first sync failed: {error}"),
    }
    Ok(agent.device)
}
