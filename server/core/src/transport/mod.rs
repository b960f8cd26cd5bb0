//! The transport to agents: a waiting sync is answered, and an agent that does not wait is woken by a [`WakeUp`].

mod agent_sync;
mod mqtt;
mod wake_up;

pub use agent_sync::{AgentSync, BETWEEN_SYNCS, Contact};
pub use mqtt::Mqtt;
pub use wake_up::{NotWoken, WakeUp};
