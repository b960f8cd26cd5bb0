//! Idempotency keys identify a request, so that retries get the response of its first execution.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Origin of an idempotency key. It decides for how long a retry gets the stored response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyOrigin {
    /// The header `Idempotency-Key` of a program: for as long as the response is stored.
    Header,
    /// A form of the dashboard: for a few seconds, so that a double click counts once. A later repeat gets an error.
    Form,
}

/// Idempotency key of a request, unique for its caller. It travels in `Caller::idempotency_key` into the transaction of
/// the use case.
#[derive(Clone, Debug)]
pub struct IdempotencyKey {
    /// The caller, as named in the audit trail.
    pub caller: String,
    /// The key, as the client sent it.
    pub key: String,
    /// Keyed digest of the request.
    pub request: [u8; 32],
    /// Origin of the key.
    pub origin: KeyOrigin,
    is_replayed: Arc<AtomicBool>,
}

impl IdempotencyKey {
    /// A new key, not looked up in the store yet.
    pub fn new(caller: String, key: String, request: [u8; 32], origin: KeyOrigin) -> Self {
        Self {
            caller,
            key,
            request,
            origin,
            is_replayed: Arc::default(),
        }
    }

    /// Returns `true` if the response is a stored one.
    pub fn is_replayed(&self) -> bool {
        self.is_replayed.load(Ordering::Relaxed)
    }

    /// Records that the response is a stored one.
    pub fn replay(&self) {
        self.is_replayed.store(true, Ordering::Relaxed);
    }
}
