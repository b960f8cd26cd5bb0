//! How agents hear of news: a sync that waits is answered, and an agent that is away is told to sync by a
//! [`WakeUp`].

mod agent_sync;
mod mqtt;
mod wake_up;

pub use agent_sync::{AgentSync, BETWEEN_SYNCS, Contact};
pub use mqtt::Mqtt;
pub use wake_up::{NotWoken, WakeUp};
