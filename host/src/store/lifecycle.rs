//! The beginning of a restored store, and the end of any.

use super::StoreError;
use crate::audit::AuditEntry;
use async_trait::async_trait;

/// A store that can be restored and closed.
#[async_trait]
pub trait Lifecycle: Send + Sync + 'static {
    /// Notes that this store is a backup that was restored, with a line in the audit trail. What happened after the
    /// backup was made is not in it.
    async fn note_restored(&self, audit: AuditEntry) -> Result<(), StoreError>;

    /// Closes the store; calls that come later fail. What SQLite still has in its write-ahead log is written into the
    /// database's own file, so that a copy of this file alone is the whole store. Errors if another process prevents
    /// that: nothing is lost then, and the log has to be copied with the file.
    async fn close(&self) -> Result<(), StoreError>;
}
