//! Calls that name themselves by a key, so that they are carried out once, however often they come.

use super::StoreError;
use async_trait::async_trait;
use mdm_wire::time::Timestamp;

/// A call, and the key by which its caller names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyedCall {
    /// Who calls.
    pub caller: String,
    /// What the caller names it.
    pub key: String,
    /// What is asked for: a digest that only the host can make.
    pub request: [u8; 32],
    /// When it began. Of calls of the same key, it tells which of them this is.
    pub began_at: Timestamp,
}

/// How old a call of the same key may be.
#[derive(Clone, Copy, Debug)]
pub struct KeyTimes {
    /// What began before is forgotten.
    pub kept_since: Timestamp,
    /// What began before and has no answer will have none.
    pub in_progress_since: Timestamp,
}

/// What the store knows of a call that begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It is the first of its key: it is in progress from now on.
    Now,
    /// The same call is in progress.
    InProgress,
    /// The same call was answered: the sealed answer.
    Answered(Vec<u8>),
    /// The key names another request.
    OtherRequest,
}

/// Calls that name themselves by a key.
#[async_trait]
pub trait Idempotency: Send + Sync + 'static {
    /// A call begins, unless another has its key.
    async fn begin_call(&self, call: KeyedCall, times: KeyTimes) -> Result<Begun, StoreError>;

    /// Keeps the sealed answer of a call; none: forgets the call.
    async fn end_call(&self, call: KeyedCall, answer: Option<Vec<u8>>) -> Result<(), StoreError>;
}
