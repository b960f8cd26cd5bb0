//! Loads devices for callers, and commits changes without a plugin's decision.

use crate::{
    access::Caller,
    actor::Actor,
    audit::AuditEntry,
    change::Change,
    commits::Commits,
    error::ServerError,
    platform::AgentTransport,
    precondition::Precondition,
    store::{RequestRecord, Snapshot, Store, StoreError},
    stored_responses::StoredResponses,
};
use mdm_contract::time::{self, Timestamp};
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// Attempts to commit a change to a device that others change meanwhile. Each failed attempt means that another change
/// was committed, so this many failures in a row need as many concurrent changes.
pub(crate) const MAX_ATTEMPTS: usize = 32;

/// The devices in the store.
#[derive(Clone)]
pub(crate) struct DeviceRecords {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) commits: Arc<Commits>,
    pub(crate) transport: AgentTransport,
    pub(crate) responses: StoredResponses,
}

impl DeviceRecords {
    /// Loads a device for a caller. Errors with `Forbidden` if the device is out of the caller's scope, and with
    /// `DeviceChanged` if the precondition fails. A decision on the snapshot is committed only if the device has not
    /// changed since.
    pub(crate) async fn load(
        &self,
        by: &Caller,
        seen: impl Into<Precondition<'_>>,
    ) -> Result<Snapshot, ServerError> {
        let seen = seen.into();
        seen.check(by, self.snapshot(seen.device).await?)
    }

    /// Loads a device, for the server itself. Errors with `UnknownDevice`.
    pub(crate) async fn snapshot(&self, device: &str) -> Result<Snapshot, ServerError> {
        let unknown = || ServerError::UnknownDevice(device.to_owned());
        self.store.snapshot(device).await?.ok_or_else(unknown)
    }

    /// Executes a use case about a device once for each idempotency key of its caller. A stored response requires that
    /// the caller may still see the device.
    pub(crate) async fn once<T: DeserializeOwned>(
        &self,
        by: &Caller,
        device: &str,
        use_case: impl Future<Output = Result<T, ServerError>>,
    ) -> Result<T, ServerError> {
        // Without a key nothing is replayed, and the use case checks its caller itself.
        if by.idempotency_key.is_some() {
            self.load(by, device).await?;
        }
        self.responses.once(by, use_case).await
    }

    /// Commits a change without a plugin's decision, and retries if the device was changed meanwhile. `change` returns
    /// `None` if there is nothing to change.
    pub(crate) async fn change(
        &self,
        by: &Caller,
        seen: impl Into<Precondition<'_>>,
        change: impl Fn(&Snapshot, Timestamp) -> Result<Option<Change>, ServerError>,
        audit: Option<AuditEntry>,
    ) -> Result<(), ServerError> {
        let seen = seen.into();
        for _ in 0..MAX_ATTEMPTS {
            let snapshot = self.load(by, seen).await?;
            let at = time::now();
            let changes = Vec::from_iter(change(&snapshot, at)?);
            let audit = audit.clone().map(|entry| AuditEntry {
                at,
                device: Some(seen.device.to_owned()),
                ..entry
            });
            let record = audit
                .map(|entry| self.responses.record(by, entry, &()))
                .transpose()?;
            if self.commit(&snapshot, at, changes, record).await? {
                return Ok(());
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Commits changes to a device, and notifies its agent. Returns `false` if the device has changed since.
    pub(crate) async fn commit(
        &self,
        snapshot: &Snapshot,
        at: Timestamp,
        changes: Vec<Change>,
        audit: Option<RequestRecord>,
    ) -> Result<bool, ServerError> {
        // Device info comes from the agent, so it is no news to the agent.
        let is_news = audit.is_some() && !changes.is_empty();
        let is_by_agent = audit
            .as_ref()
            .is_some_and(|it| it.entry.is_by(&Actor::Agent));
        let before = snapshot.into();
        let is_committed = self
            .commits
            .commit(before, at, changes, audit, None)
            .await?;
        if is_committed && is_news {
            self.transport.wake(&snapshot.device.id, is_by_agent);
        }
        Ok(is_committed)
    }
}
