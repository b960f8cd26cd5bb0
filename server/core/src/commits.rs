//! Commits to devices, and their consequences: metrics, notifications, webhooks.

use crate::{
    change::Change,
    error::ServerError,
    event::EventKind,
    metrics::{CommandCounts, Metrics},
    notifier::ChangeNotifier,
    store::{Commit, RequestRecord, Snapshot, Store, StoreError},
};
use mdm_contract::{Command, time::Timestamp};
use mdm_password_host::DeviceState;
use std::sync::Arc;
use tokio::sync::Notify;
use tracing::Instrument as _;

/// Commits changes, and notifies of them.
pub(crate) struct Commits {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) changes: ChangeNotifier,
    /// Notified when webhooks may have something to deliver.
    pub(crate) events: Notify,
}

/// The device on which a commit was decided.
pub(crate) struct Before<'a> {
    device: &'a str,
    version: i64,
    known: [&'a Option<Command>; 2],
}

impl<'a> From<&'a Snapshot> for Before<'a> {
    fn from(snapshot: &'a Snapshot) -> Self {
        Self {
            device: &snapshot.device.id,
            version: snapshot.version,
            known: [&snapshot.pending, &snapshot.latest],
        }
    }
}

impl<'a, X> From<&'a DeviceState<X>> for Before<'a> {
    fn from(state: &'a DeviceState<X>) -> Self {
        Self {
            device: &state.device.id,
            version: state.version,
            known: [&state.pending, &state.latest],
        }
    }
}

impl Commits {
    /// Commits all changes or none. Returns `false` if the device has changed since: the caller has to decide again.
    pub(crate) async fn commit(
        &self,
        before: Before<'_>,
        at: Timestamp,
        changes: Vec<Change>,
        audit: Option<RequestRecord>,
        bulk: Option<&str>,
    ) -> Result<bool, ServerError> {
        if changes.is_empty() {
            if let Some(response) = audit.and_then(|it| it.response) {
                self.store.store_response(response).await?;
            }
            return Ok(true);
        }
        let device = before.device;
        let known = before.known.into_iter().flatten();
        let counts = CommandCounts::of(&changes, known);
        let is_event = changes.iter().any(|it| EventKind::of(it).is_some());
        let commit = Commit {
            device: device.to_owned(),
            version: before.version,
            at,
            changes,
            bulk: bulk.map(str::to_owned),
            audit,
        };
        let span = tracing::debug_span!("commit", device, changes = commit.changes.len());
        match self.store.commit(commit).instrument(span).await {
            Ok(()) => {
                self.metrics.commands.committed(counts);
                self.changes.changed(device);
                if is_event {
                    self.events.notify_one();
                }
                Ok(true)
            }
            Err(StoreError::Conflict) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
