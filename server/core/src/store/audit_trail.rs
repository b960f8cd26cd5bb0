//! The audit trail. A change writes its line in its own transaction; lines without a change are appended here.

use super::StoreError;
use crate::audit::{AuditEntry, AuditLine};
use async_trait::async_trait;
use mdm_contract::time::Timestamp;

/// A filter of audit lines; all conditions must hold.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// About this device.
    pub device: Option<String>,
    /// By this actor.
    pub actor: Option<String>,
    /// With one of these actions. Without any, all actions.
    pub actions: Vec<String>,
    /// With this text in their detail, command or address.
    pub text: Option<String>,
    /// Not before this time.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
}

/// The audit trail.
#[async_trait]
pub trait AuditTrail: Send + Sync + 'static {
    /// Appends lines without a change: all of them, or none.
    async fn append_audit(&self, entries: Vec<AuditEntry>) -> Result<(), StoreError>;

    /// Up to `limit` lines before the line `before`, latest first.
    async fn audit(
        &self,
        filter: &AuditFilter,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<AuditLine>, StoreError>;

    /// Up to `limit` lines of the whole audit trail after the line `after`, oldest first, and the number of the last
    /// line ever written.
    async fn audit_lines(
        &self,
        after: u64,
        limit: u32,
    ) -> Result<(Vec<AuditLine>, u64), StoreError>;
}
