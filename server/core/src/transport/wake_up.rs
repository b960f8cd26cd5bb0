//! Wake-ups for devices without a waiting sync. The message is only "sync now": commands travel by the signed sync, so
//! a carrier of wake-ups learns nothing and can do nothing.

use async_trait::async_trait;

/// A carrier of "sync now" to agents.
#[async_trait]
pub trait WakeUp: Send + Sync + 'static {
    /// Sends "sync now" to the agent that is subscribed to this topic.
    async fn wake(&self, topic: &str) -> Result<(), NotWoken>;

    /// Returns the reason if wake-ups can't be sent now.
    fn connection(&self) -> Result<(), NotWoken>;

    /// The broker as agents get it.
    fn url(&self) -> &str;
}

/// The error of a wake-up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotWoken(
    /// The text for the operator.
    pub String,
);
