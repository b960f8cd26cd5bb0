//! Idempotency keys: the first request with a key is executed, and its transaction stores the response. Retries get the
//! stored response.
//!
//! A failed request changes and stores nothing, so a retry is executed. Of concurrent requests with the same key, one
//! commits. The others fail on the key, and get its response.

use crate::{
    access::Caller,
    actor::Actor,
    audit::AuditEntry,
    error::ServerError,
    idempotency::{IdempotencyKey, KeyOrigin},
    keys::HostKeys,
    sealed,
    store::{RESPONSE_RETENTION, RequestRecord, Store, StoreError, StoredResponse},
};
use mdm_contract::time;
use serde::{Serialize, de::DeserializeOwned};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Time within which a repeated form counts as a double click, in milliseconds.
const DOUBLE_CLICK: u64 = 10_000;

/// Result of the lookup of an idempotency key.
enum Lookup<T> {
    /// The key is new: execute the request.
    Execute,
    /// The request is a retry: return the stored response.
    Replay(T),
}

/// Store of the responses to requests with idempotency keys.
#[derive(Clone)]
pub struct StoredResponses {
    store: Arc<dyn Store>,
    keys: Arc<HostKeys>,
}

impl StoredResponses {
    pub(crate) fn new(store: Arc<dyn Store>, keys: Arc<HostKeys>) -> Self {
        Self { store, keys }
    }

    /// Makes the idempotency key of a request with these parts.
    pub fn key(
        &self,
        caller: &Actor,
        key: String,
        request: &[&[u8]],
        origin: KeyOrigin,
    ) -> IdempotencyKey {
        IdempotencyKey::new(
            caller.to_string(),
            key,
            self.keys.request_digest(request),
            origin,
        )
    }

    /// Executes a use case once for each idempotency key of its caller. The use case hands its response to
    /// [`StoredResponses::record`], in the transaction that makes its changes.
    pub(crate) async fn once<T: DeserializeOwned>(
        &self,
        by: &Caller,
        use_case: impl Future<Output = Result<T, ServerError>>,
    ) -> Result<T, ServerError> {
        let Some(key) = &by.idempotency_key else {
            return use_case.await;
        };
        if let Lookup::Replay(response) = self.look_up(key).await? {
            return Ok(response);
        }
        match use_case.await {
            Ok(response) => Ok(response),
            Err(error) => after_failure(error, self.look_up(key).await),
        }
    }

    /// See [`record`].
    pub(crate) fn record<T: Serialize>(
        &self,
        by: &Caller,
        entry: AuditEntry,
        response: &T,
    ) -> Result<RequestRecord, ServerError> {
        record(&self.keys, by, entry, response)
    }

    async fn look_up<T: DeserializeOwned>(
        &self,
        key: &IdempotencyKey,
    ) -> Result<Lookup<T>, ServerError> {
        let stored = self.store.stored_response(&key.caller, &key.key).await?;
        let now = time::now();
        let is_kept = |it: &StoredResponse| now < it.created_at.saturating_add(RESPONSE_RETENTION);
        let Some(stored) = stored.filter(is_kept) else {
            return Ok(Lookup::Execute);
        };
        let is_same = stored.request == key.request;
        match key.origin {
            KeyOrigin::Header if !is_same => return Err(ServerError::KeyReused(key.key.clone())),
            KeyOrigin::Form if !is_same || now > stored.created_at.saturating_add(DOUBLE_CLICK) => {
                return Err(ServerError::FormSentBefore {
                    at: stored.created_at,
                });
            }
            _ => {}
        }
        let opened = sealed::open(&self.keys.response_key(), &owner(key), &stored.response)?;
        let response = serde_json::from_slice(&opened)
            .map_err(|error| ServerError::StoredResponse(error.to_string()))?;
        key.replay();
        Ok(Lookup::Replay(response))
    }
}

/// The record of a request in the transaction of its use case: the line in the audit trail, and the response if the
/// request has an idempotency key.
pub(crate) fn record<T: Serialize>(
    keys: &HostKeys,
    by: &Caller,
    entry: AuditEntry,
    response: &T,
) -> Result<RequestRecord, ServerError> {
    Ok(RequestRecord {
        entry,
        response: self::response(keys, by, response)?,
    })
}

/// The sealed response. Returns `None` if the request has no idempotency key.
pub(crate) fn response<T: Serialize>(
    keys: &HostKeys,
    by: &Caller,
    response: &T,
) -> Result<Option<StoredResponse>, ServerError> {
    let Some(key) = &by.idempotency_key else {
        return Ok(None);
    };
    let json = serde_json::to_vec(response).map(Zeroizing::new);
    let json = json.map_err(|error| ServerError::StoredResponse(error.to_string()))?;
    Ok(Some(StoredResponse {
        caller: key.caller.clone(),
        key: key.key.clone(),
        request: key.request,
        response: sealed::seal(&keys.response_key(), &owner(key), &json)?,
        created_at: time::now(),
    }))
}

/// Looks up the key again after a failure. A concurrent request with the same key, or a lost response of the store, may
/// have caused the failure.
fn after_failure<T>(
    error: ServerError,
    second_look: Result<Lookup<T>, ServerError>,
) -> Result<T, ServerError> {
    match second_look {
        Ok(Lookup::Replay(response)) => Ok(response),
        Err(other @ (ServerError::KeyReused(_) | ServerError::FormSentBefore { .. }))
            if is_by_another(&error) =>
        {
            Err(other)
        }
        _ => Err(error),
    }
}

/// Returns `true` for an error that a concurrent request may have caused.
fn is_by_another(error: &ServerError) -> bool {
    matches!(
        error,
        ServerError::Store(StoreError::IdempotencyKeyTaken | StoreError::Conflict)
            | ServerError::Refused(_)
            | ServerError::NameTaken(_)
            | ServerError::DeviceChanged(_)
            | ServerError::BulkState { .. }
    )
}

/// Context to which a sealed response is bound. Neither names of callers nor keys contain a line break.
fn owner(key: &IdempotencyKey) -> String {
    format!("{}\n{}", key.caller, key.key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mdm_contract::Refusal;

    #[test]
    fn that_a_key_was_reused_is_told_only_where_it_may_be_why_the_request_failed() {
        let reused = || Err(ServerError::KeyReused("k".into()));
        let told = |error| after_failure::<()>(error, reused()).unwrap_err();
        for of_its_own in [
            ServerError::Store(StoreError::Failed("the disk is full".into())),
            ServerError::BadReason("it is too long"),
            ServerError::Revoked("device".into()),
        ] {
            let kind = of_its_own.kind();
            assert_eq!(told(of_its_own).kind(), kind);
        }
        for by_another in [
            ServerError::Store(StoreError::IdempotencyKeyTaken),
            ServerError::Store(StoreError::Conflict),
            ServerError::Refused(Refusal::NothingToRemove),
            ServerError::NameTaken("bob".into()),
        ] {
            assert_eq!(told(by_another).kind(), "idempotency-key-reused");
        }
    }

    #[test]
    fn a_request_whose_answer_was_lost_gets_its_response_whatever_it_failed_on() {
        let failed = ServerError::Store(StoreError::Failed("the connection broke".into()));
        assert_eq!(after_failure(failed, Ok(Lookup::Replay(7))).ok(), Some(7));
        let failed = ServerError::BadReason("it is too long");
        let unreadable = Err(ServerError::StoredResponse("broken".into()));
        let told = after_failure::<()>(failed, unreadable).unwrap_err();
        assert_eq!(told.kind(), "bad-reason");
    }
}
