//! Stored responses of requests with an idempotency key. Each is written in the transaction of its request's changes.

use super::StoreError;
use crate::audit::AuditEntry;
use async_trait::async_trait;
use mdm_contract::time::Timestamp;

/// Lifetime of a stored response, in milliseconds. Afterwards its key is free.
pub const RESPONSE_RETENTION: u64 = 24 * 3600 * 1000;

/// Maximum number of expired responses that each new one deletes: more than one, so that they don't pile up, and few,
/// so that the request does not wait. A background task deletes the rest.
pub const EXPIRED_PER_INSERT: u32 = 16;

/// The response of a request with an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredResponse {
    /// The caller, as the audit trail names it.
    pub caller: String,
    /// The key, unique for the caller.
    pub key: String,
    /// A keyed digest of the request, which may contain a password.
    pub request: [u8; 32],
    /// The response, sealed by the server: it may contain a secret.
    pub response: Vec<u8>,
    /// The time of the request.
    pub created_at: Timestamp,
}

impl StoredResponse {
    /// A response under the same key from before this time has expired.
    pub fn expired_before(&self) -> Timestamp {
        self.created_at.saturating_sub(RESPONSE_RETENTION)
    }
}

/// The record of the request behind a transaction.
#[derive(Clone, Debug)]
pub struct RequestRecord {
    /// The line in the audit trail.
    pub entry: AuditEntry,
    /// The response, if the request has an idempotency key. Errors with [`StoreError::IdempotencyKeyTaken`] if there
    /// is one under this key.
    pub response: Option<StoredResponse>,
}

impl From<AuditEntry> for RequestRecord {
    /// The record of a request without an idempotency key.
    fn from(entry: AuditEntry) -> Self {
        Self {
            entry,
            response: None,
        }
    }
}

/// Stored responses of requests with an idempotency key.
#[async_trait]
pub trait IdempotencyKeys: Send + Sync + 'static {
    /// The response under this key of this caller. It may have expired.
    async fn stored_response(
        &self,
        caller: &str,
        key: &str,
    ) -> Result<Option<StoredResponse>, StoreError>;

    /// Stores the response of a request without changes.
    async fn store_response(&self, response: StoredResponse) -> Result<(), StoreError>;

    /// Deletes up to `limit` responses of requests from before this time, oldest first. Returns how many there were.
    async fn delete_responses(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;
}
