//! The end of a store.

use super::StoreError;
use async_trait::async_trait;

/// A store that can be closed.
#[async_trait]
pub trait Lifecycle: Send + Sync + 'static {
    /// Closes the store; later calls fail. SQLite's write-ahead log is written into the database file, so that a copy
    /// of this file is the whole store. Errors if another process prevents that: nothing is lost, but the log must be
    /// copied with the file.
    async fn close(&self) -> Result<(), StoreError>;
}
