//! Idempotency keys: a client names a request, so that a retry gets the response of its first execution.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Who made an idempotency key, which decides how long a retry gets the stored response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyOrigin {
    /// A program, in the header `Idempotency-Key`: for as long as the response is stored.
    Header,
    /// The dashboard, in a form: for a few seconds, which is a double click. A form that comes later is told so.
    Form,
}

/// The idempotency key of a request, unique among those of its caller. It travels with the caller into the
/// transaction of what the request makes.
#[derive(Clone, Debug)]
pub struct IdempotencyKey {
    /// The caller, as the audit trail names it.
    pub caller: String,
    /// The key, as the client sent it.
    pub key: String,
    /// A digest of the request, by a key of the host.
    pub request: [u8; 32],
    /// Who made the key.
    pub origin: KeyOrigin,
    is_replayed: Arc<AtomicBool>,
}

impl IdempotencyKey {
    /// A key of a request that was not looked up yet.
    pub fn new(caller: String, key: String, request: [u8; 32], origin: KeyOrigin) -> Self {
        Self {
            caller,
            key,
            request,
            origin,
            is_replayed: Arc::default(),
        }
    }

    /// Whether the request was answered with a stored response.
    pub fn is_replayed(&self) -> bool {
        self.is_replayed.load(Ordering::Relaxed)
    }

    /// Notes that the request was answered with a stored response.
    pub fn replay(&self) {
        self.is_replayed.store(true, Ordering::Relaxed);
    }
}
