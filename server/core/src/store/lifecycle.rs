//! The end of a store.

use super::StoreError;
use async_trait::async_trait;

/// A store that can be closed.
#[async_trait]
pub trait Lifecycle: Send + Sync + 'static {
    /// Closes the store; calls that come later fail. What SQLite still has in its write-ahead log is written into the
    /// database's own file, so that a copy of this file alone is the whole store. Errors if another process prevents
    /// that: nothing is lost then, and the log has to be copied with the file.
    async fn close(&self) -> Result<(), StoreError>;
}
