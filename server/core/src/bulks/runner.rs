//! The bulk runner: makes the commands of bulks, device by device. The progress is in the store, so that after a
//! restart each bulk goes on with the devices that have no result yet.

use super::{members::is_answer, requests::Bulks};
use crate::{
    access::{Caller, DeviceScope, Forbidden, Permission},
    actor::Actor,
    cluster::Cluster,
    commands::Commands,
    error::ServerError,
    history::History,
    store::{Bulk, BulkState, BulkTransition, DeviceError, Lead, Store, StoreError},
};
use futures_util::stream::{self, StreamExt as _};
use mdm_contract::{CommandId, time};
use mdm_password_host::PluginError;
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Maximum number of concurrent bulks; the others wait. Paused bulks count too.
const MAX_BULKS: u32 = 64;

/// Page size: devices of a bulk per read.
pub(super) const PAGE: u32 = 256;

/// Pages of a bulk before the next bulk's turn.
const PAGES: usize = 8;

/// Number of concurrent decisions: their commits are made durable together.
pub(super) const CONCURRENCY: usize = 128;

/// The pause of a bulk after a transient failure.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// Maximum wait of a bulk for its approval and its download, in milliseconds: a day. It is then cancelled, so that no
/// sealed password is kept for ever.
const MAX_WAIT: u64 = 24 * 3600 * 1000;

/// The position of a bulk. It is rebuilt from the store after a restart.
#[derive(Default)]
struct Cursor {
    /// Its commands are cancelled, and no more are made.
    is_taken_back: bool,
    /// The id of the last device that is done.
    after: Option<String>,
    /// The end of its pause.
    rests_until: Option<Instant>,
}

/// The commands in progress.
#[derive(Default)]
struct Making {
    tasks: JoinSet<Result<Result<CommandId, DeviceError>, ServerError>>,
    /// The first transient failure.
    failure: Option<ServerError>,
}

impl Making {
    async fn until_fewer_than(&mut self, limit: usize) {
        while self.tasks.len() >= limit
            && let Some(made) = self.tasks.join_next().await
        {
            let made = made.map_err(|error| PluginError::HostFailed(error.to_string()).into());
            match made.flatten() {
                Ok(_) | Err(ServerError::Store(StoreError::BulkAnswered)) => {}
                Err(error) => {
                    self.failure.get_or_insert(error);
                }
            }
        }
    }
}

/// The position of each bulk.
type Cursors = HashMap<String, Cursor>;

/// The background task that makes the commands of bulks.
pub struct BulkRunner {
    pub(crate) bulks: Arc<Bulks>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) commands: Arc<Commands>,
    pub(crate) history: Arc<History>,
    pub(crate) cluster: Arc<Cluster>,
}

impl BulkRunner {
    /// Runs bulks until the server stops.
    pub async fn run(&self, closing: CancellationToken) {
        let mut cursors = Cursors::new();
        let mut has_ended_downloads = false;
        while !closing.is_cancelled() {
            let Some(lead) = self.cluster.lead() else {
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => continue,
                    () = closing.cancelled() => break,
                }
            };
            if !has_ended_downloads || self.cluster.replicas().is_some() {
                let ended = lead.run(self.end_old_downloads()).await;
                has_ended_downloads = ended.is_ok();
                if let Err(error) = ended {
                    tracing::warn!(%error, "bulks with an interrupted download were not cancelled");
                }
            }
            match lead.run(self.run_once(&mut cursors, &closing)).await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "all bulks are paused"),
            }
            // Outcomes of devices and downloads at other replicas send no notification.
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = self.bulks.to_run.notified() => {}
                () = closing.cancelled() => {}
            }
        }
    }

    /// Processes some pages of each bulk that is not paused. Returns `true` if there was one: more work may be left.
    async fn run_once(
        &self,
        cursors: &mut Cursors,
        closing: &CancellationToken,
    ) -> Result<bool, ServerError> {
        if self.history.undecided_restore().is_some() {
            return Ok(false);
        }
        self.end_forgotten_bulks().await?;
        self.end_answered_bulks().await?;
        let bulks = self.store.bulks_to_run(MAX_BULKS).await?;
        cursors.retain(|id, _| bulks.iter().any(|bulk| bulk.id == *id));
        let mut went_on = false;
        for bulk in bulks.into_iter().map(Arc::new) {
            if closing.is_cancelled() {
                break;
            }
            let cursor = cursors.entry(bulk.id.clone()).or_default();
            let is_taken_back = bulk.cancel_requested_by.is_some();
            if cursor.is_taken_back != is_taken_back {
                // Cancellation starts at the first device.
                *cursor = Cursor {
                    is_taken_back,
                    ..Cursor::default()
                };
            }
            let now = Instant::now();
            if cursor.rests_until.is_some_and(|until| until > now) {
                continue;
            }
            let after = cursor.after.as_deref();
            let done = match &bulk.cancel_requested_by {
                Some(by) => self.take_back_page(&bulk, by, after).await,
                None => self.make_pages(&bulk, after, closing).await,
            };
            match done {
                Ok(after) => {
                    cursor.after = after;
                    cursor.rests_until = None;
                    went_on = true;
                }
                // It was cancelled meanwhile.
                Err(
                    ServerError::Store(StoreError::BulkOver)
                    | ServerError::Forbidden(Forbidden::Withdrawn { .. }),
                ) => {
                    cursors.remove(&bulk.id);
                    went_on = true;
                }
                // A failure of one bulk must not block the others.
                Err(error) => {
                    if cursor.rests_until.is_none() {
                        tracing::warn!(bulk = bulk.id, %error, "a bulk is paused, and is tried again");
                    }
                    cursor.rests_until = Some(now + PAUSE);
                }
            }
        }
        Ok(went_on)
    }

    /// Makes the commands of the next pages, and returns the last device; `None` if the bulk is done. The next page is
    /// read while the last commands of a page are made. After a failure, started commands are finished.
    async fn make_pages(
        &self,
        bulk: &Arc<Bulk>,
        after: Option<&str>,
        closing: &CancellationToken,
    ) -> Result<Option<String>, ServerError> {
        let password = self.bulks.password(bulk)?;
        let mut making = Making::default();
        let mut last = after.map(str::to_owned);
        let mut is_done = false;
        for _ in 0..PAGES {
            if making.failure.is_some() || closing.is_cancelled() {
                break;
            }
            if let Err(error) = self.bulks.check_requester(bulk).await {
                making.failure.get_or_insert(error);
                break;
            }
            let page = match self.store.bulk_to_do(bulk, last.as_deref(), PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    making.failure.get_or_insert(error.into());
                    break;
                }
            };
            let Some(end) = page.last() else {
                is_done = true;
                break;
            };
            last = Some(end.device.id.clone());
            for snapshot in page {
                making.until_fewer_than(CONCURRENCY).await;
                if making.failure.is_some() {
                    break;
                }
                let (bulks, bulk) = (Arc::clone(&self.bulks), Arc::clone(bulk));
                let password = password.clone();
                // A task of its own, to use all processors.
                making.tasks.spawn(
                    Lead::current().run(async move {
                        bulks.make_one(&bulk, password.as_ref(), snapshot).await
                    }),
                );
            }
        }
        making.until_fewer_than(1).await;
        if let Some(error) = making.failure {
            return Err(error);
        }
        if is_done {
            self.bulks.end(bulk, BulkState::WaitingForDevices).await?;
            return Ok(None);
        }
        Ok(last)
    }

    /// Cancels the next pending commands of a bulk, and returns the last device; `None` if all are cancelled.
    async fn take_back_page(
        &self,
        bulk: &Bulk,
        by: &Actor,
        after: Option<&str>,
    ) -> Result<Option<String>, ServerError> {
        let by = Caller {
            actor: by.clone(),
            on_behalf_of: None,
            address: None,
            permissions: [Permission::ChangePassword].into(),
            scope: DeviceScope::ALL,
            idempotency_key: None,
        };
        let page = self.store.bulk_pending(&bulk.id, after, PAGE).await?;
        let Some((last, _)) = page.last().cloned() else {
            self.store.bulk_has_cancelled(&bulk.id).await?;
            self.bulks.commits.changes.changed(&bulk.id);
            return Ok(None);
        };
        let cancelled = stream::iter(page)
            .map(|(device, command)| self.cancel_command(&by, device, command))
            .buffer_unordered(CONCURRENCY)
            .collect::<Vec<_>>()
            .await;
        cancelled.into_iter().collect::<Result<(), _>>()?;
        Ok(Some(last))
    }

    /// Cancels a command. Errors if it must be tried again.
    async fn cancel_command(
        &self,
        by: &Caller,
        device: String,
        command: CommandId,
    ) -> Result<(), ServerError> {
        match self.commands.cancel(by, &device, &command).await {
            Ok(_) => Ok(()),
            // The command may have had its outcome before.
            Err(error) if is_answer(&error) => {
                tracing::info!(device, command, %error, "could not be cancelled");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Ends the bulks whose commands all have an outcome.
    async fn end_answered_bulks(&self) -> Result<(), ServerError> {
        for bulk in self.store.bulks_answered(MAX_BULKS).await? {
            if let Err(error) = self.bulks.end(&bulk, BulkState::Done).await {
                tracing::warn!(bulk = bulk.id, %error, "a bulk without pending commands was not ended");
            }
        }
        Ok(())
    }

    /// Cancels the bulks that waited too long for approval or download.
    async fn end_forgotten_bulks(&self) -> Result<(), ServerError> {
        let asked_before = time::now().saturating_sub(MAX_WAIT);
        for bulk in self.store.bulks_waiting(asked_before).await? {
            if let Err(error) = self.bulks.end(&bulk, BulkState::Cancelled).await {
                tracing::warn!(bulk = bulk.id, %error, "a bulk that waited too long was not cancelled");
            }
        }
        Ok(())
    }

    /// Cancels the bulks whose password export was interrupted by the server's end. A single server does so for all
    /// running exports at its start.
    async fn end_old_downloads(&self) -> Result<(), ServerError> {
        for bulk in self.store.bulks_with_expired_lease().await? {
            let turn = BulkTransition {
                if_lease_expired: true,
                ..BulkTransition::new(bulk.state, BulkState::Cancelled, time::now())
            };
            self.bulks.end_by(&bulk, turn, None).await?;
        }
        Ok(())
    }
}
