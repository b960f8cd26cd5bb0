//! Wake-ups for devices that do not wait at the server. The message is "sync now" and nothing else: news travels by
//! sync, which is signed. A carrier of the message learns nothing and can do nothing.

use async_trait::async_trait;

/// Something that carries "sync now" to agents.
#[async_trait]
pub trait WakeUp: Send + Sync + 'static {
    /// Says "sync now" to the agent that listens to this topic, if it does.
    async fn wake(&self, topic: &str) -> Result<(), NotWoken>;

    /// Returns the reason if wake-ups can't be sent now.
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
