//! The audit trail, as it is read. What is done writes its own line, in its own transaction.

use super::StoreError;
use crate::audit::{AuditEntry, AuditLine};
use async_trait::async_trait;
/// The audit trail, as it is read: what is done writes its own line.
#[async_trait]
pub trait AuditTrail: Send + Sync + 'static {
    /// The latest `most` lines about a device, or about the host itself, latest first.
    async fn audit(&self, device: Option<&str>, most: u32) -> Result<Vec<AuditEntry>, StoreError>;

    /// Up to `most` lines of the whole audit trail after the line `after`, oldest first, and the number of the last
    /// line that was ever written.
    async fn audit_lines(&self, after: u64, most: u32)
    -> Result<(Vec<AuditLine>, u64), StoreError>;
}
