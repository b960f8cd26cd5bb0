//! How commands reach devices. What travels lies in the outbox; a transport says what its road can
//! do, whether a device is in contact, and tells a device that there is news. A device that is not in contact may be
//! told to be so, by a [`WakeUp`].

mod agent_sync;
mod mqtt;
mod wake_up;

pub use agent_sync::{AgentSync, BETWEEN_SYNCS, Contact};
pub use mqtt::Mqtt;
pub use wake_up::{NotWoken, WakeUp};

use mdm_contract::decisions::Capabilities;

/// A road to devices.
pub trait Transport: Send + Sync + 'static {
    /// What this road can do.
    fn capabilities(&self) -> Capabilities;

    /// Whether the device is in contact now.
    fn is_online(&self, device: &str) -> bool;

    /// Tells the device, if it is in contact, that there is news for it.
    fn wake(&self, device: &str);
}
