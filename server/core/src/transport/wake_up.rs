//! How a device hears that there is news for it while it doesn't wait at the host. Nothing but "sync now" travels here:
//! what is new travels by sync, which is signed. So whoever carries the message learns nothing, and can do nothing.

use async_trait::async_trait;

/// Something that carries "sync now" to agents.
#[async_trait]
pub trait WakeUp: Send + Sync + 'static {
    /// Says "sync now" to the agent that listens to this topic, if it does.
    async fn wake(&self, topic: &str) -> Result<(), NotWoken>;

    /// Whether this can be done now, or why not.
    fn connection(&self) -> Result<(), NotWoken>;

    /// Where agents listen: what they are told of it.
    fn url(&self) -> &str;
}

/// Why no "sync now" was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotWoken(
    /// In words for who runs the host.
    pub String,
);
