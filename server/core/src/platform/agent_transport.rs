//! The transport to agents: seals commands to the device's key for the outbox, answers the device's waiting sync, or
//! wakes its agent.

use super::{stored_devices::DeviceRecord, wake_ups::WakeUps};
use crate::{keys::HostKeys, store::Snapshot, transport::AgentSync};
use mdm_agent_protocol::sealing::{Binding, Payload, PublicKey, SealingError};
use mdm_contract::{
    Capabilities, Command, Device,
    time::{self, Timestamp},
};
use mdm_password_host::{Decision, DeviceState, Function, Transport, password::Password};
use std::sync::Arc;
use zeroize::Zeroizing;

/// The transport to agents.
#[derive(Clone)]
pub(crate) struct AgentTransport {
    pub(crate) sync: Arc<AgentSync>,
    /// `None` if agents are reached by waiting syncs only.
    pub(crate) wake_ups: Option<Arc<WakeUps>>,
    pub(crate) keys: Arc<HostKeys>,
}

impl AgentTransport {
    /// Delivers a change of the outbox: answers the device's sync if it waits at this server, or else wakes its agent.
    /// A change that the agent's own sync caused is part of its response.
    pub(crate) fn wake(&self, device: &str, is_by_agent: bool) {
        self.sync.wake(device);
        if let Some(wake_ups) = &self.wake_ups
            && !is_by_agent
        {
            wake_ups.add(device);
        }
    }

    /// Returns `true` if the device waits at the server, at this replica or another, or can be woken.
    pub(crate) fn is_snapshot_online(&self, snapshot: &Snapshot) -> bool {
        let (revoked, until) = (snapshot.revoked_at, snapshot.online_until);
        self.reaches(&snapshot.device, revoked, until)
    }

    fn reaches(
        &self,
        device: &Device,
        revoked_at: Option<Timestamp>,
        online_until: Option<Timestamp>,
    ) -> bool {
        let now = time::now();
        self.sync.is_online(&device.id)
            || online_until.is_some_and(|until| until > now)
            || (revoked_at.is_none()
                && self
                    .wake_ups
                    .as_ref()
                    .is_some_and(|it| it.reaches(device.last_sync, now)))
    }
}

impl Transport<DeviceRecord> for AgentTransport {
    type Error = SealingError;

    fn capabilities(&self, state: &DeviceState<DeviceRecord>) -> Capabilities {
        state.extra.capabilities
    }

    fn is_online(&self, state: &DeviceState<DeviceRecord>) -> bool {
        let DeviceRecord {
            revoked_at,
            online_until,
            ..
        } = state.extra;
        self.reaches(&state.device, revoked_at, online_until)
    }

    fn seal(
        &self,
        state: &DeviceState<DeviceRecord>,
        command: &Command,
        password: Option<&Password>,
    ) -> Result<Vec<u8>, SealingError> {
        let (device, key): (_, &PublicKey) = (&state.device.id, &state.extra.public_key);
        let payload = Payload {
            token_key: self.keys.token_key(device),
            password: Zeroizing::new(password.map_or("", Password::expose).as_bytes().to_vec()),
        };
        let binding = Binding::of(device, command);
        Ok(payload.seal(key, &binding)?.to_bytes())
    }

    fn notify(&self, state: &DeviceState<DeviceRecord>, decision: &Decision) {
        self.wake(&state.device.id, decision.function == Function::Report);
    }
}
