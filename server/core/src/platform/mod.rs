//! The server as a platform that embeds the host: its device store and its transport.

mod agent_transport;
mod stored_devices;
mod wake_ups;

pub(crate) use agent_transport::AgentTransport;
pub(crate) use stored_devices::{DeviceRecord, RequestContext, StoredDecision, StoredDevices};
pub(crate) use wake_ups::{WakeUpTask, WakeUps};

/// The host over the server's store and transport.
pub(crate) type PasswordHost = mdm_password_host::Host<StoredDevices, AgentTransport>;
