//! Password export: the download of a bulk with unique passwords. Passwords are generated during the download, and
//! stored nowhere in plaintext. If the download breaks off, the pending commands are cancelled, because their passwords
//! may be lost.

use super::{
    requests::Bulks,
    runner::{CONCURRENCY, PAGE, PAUSE},
};
use crate::{
    access::{Caller, Forbidden},
    error::ServerError,
    platform::AgentTransport,
    random_password::random_password,
    store::{Bulk, BulkState, BulkTransition, DeviceError, Snapshot, StatusKind, StoreError},
};
use futures_util::stream::{self, StreamExt as _};
use mdm_contract::{Command, CommandId, DeviceOutcome, Status, time};
use mdm_password_host::password::Password;
use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Timeout of a download between two pages.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(60);

/// Download lease, in milliseconds. Without a renewal, other servers treat the download as broken off.
const LEASE: u32 = 10_000;

/// Interval of lease renewals.
const LEASE_RENEWAL_INTERVAL: Duration = Duration::from_secs(3);

/// Maximum time that a page waits for the outcomes of online devices.
const PAGE_TIMEOUT: Duration = Duration::from_secs(2);

/// Maximum time that all pages of an export wait together: slow devices must not prolong a download by hours.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(30);

/// Interval of checks for outcomes.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// A line of a password export.
pub struct PasswordExportLine {
    /// The device.
    pub device: String,
    /// Its name.
    pub name: String,
    /// Its new password. `None` if the device has no new password and will get none.
    pub password: Option<Password>,
    /// Its command, with the status at the time of the line; or the reason why it has none.
    pub command: Result<(CommandId, Status), DeviceError>,
}

impl PasswordExportLine {
    /// Updates the line with the command's status. If the device reported a failure, the password is dropped. If the
    /// server ended the command, the password stays: the device may have set it before.
    fn note(&mut self, command: Command) {
        let has_failed = StatusKind::from(&command.status) == StatusKind::Failed;
        if has_failed && command.late_outcome != Some(DeviceOutcome::Success) {
            self.password = None;
        }
        self.command = Ok((command.id, command.status));
    }

    fn is_pending(&self) -> bool {
        matches!(self.command, Ok((_, Status::Pending)))
    }
}

/// The stream of pages of a password export. An error ends it.
type Pages = mpsc::Sender<Result<Vec<PasswordExportLine>, ServerError>>;

/// The downloads of password exports.
pub struct PasswordExports {
    pub(crate) bulks: Arc<Bulks>,
    pub(crate) transport: AgentTransport,
    /// Cancelled at shutdown, which ends the downloads.
    pub(crate) closing: CancellationToken,
}

impl PasswordExports {
    /// Starts a bulk with unique passwords, and returns the pages of its password export. A bulk can be started once.
    /// If the receiver is dropped, the bulk makes no more commands, and its pending ones are cancelled.
    pub async fn download(
        self: &Arc<Self>,
        by: &Caller,
        id: &str,
    ) -> Result<mpsc::Receiver<Result<Vec<PasswordExportLine>, ServerError>>, ServerError> {
        let bulk = self.bulks.get(by, id).await?;
        if bulk.requested_by != by.actor {
            return Err(Forbidden::OthersRequest {
                who: by.actor.clone(),
                requested_by: bulk.requested_by,
            }
            .into());
        }
        let (from, to) = (BulkState::WaitingForDownload, BulkState::Running);
        let turn = BulkTransition::new(from, to, time::now());
        let words = ("download-bulk", "downloaded");
        self.bulks.store.renew_lease(id, LEASE).await?;
        // Passwords are delivered once: this response must not be stored for replays.
        self.bulks
            .turn(&by.without_key(), &bulk, turn, words)
            .await?;
        let bulk = self.bulks.get(by, id).await?;
        let (pages, taken) = mpsc::channel(1);
        let exports = Arc::clone(self);
        tokio::spawn(async move {
            let filled = tokio::select! {
                filled = exports.fill_export(&bulk, &pages) => filled,
                never = exports.hold(&bulk) => match never {},
            };
            let to = match filled {
                Ok(()) => BulkState::WaitingForDevices,
                Err(_) => BulkState::Cancelled,
            };
            // A single server has nothing else that ends the bulk before a restart.
            while let Err(error) = exports.bulks.end(&bulk, to).await {
                tracing::warn!(bulk = bulk.id, %error, "a bulk was not ended");
                tokio::time::sleep(PAUSE).await;
            }
            if let Err(error) = filled {
                tracing::warn!(bulk = bulk.id, %error, "the password export of a bulk broke off");
                // A dropped receiver needs no error.
                let _ = tokio::time::timeout(DOWNLOAD_TIMEOUT, pages.send(Err(error))).await;
            }
        });
        Ok(taken)
    }

    /// Renews the download lease of a bulk until shutdown.
    async fn hold(&self, bulk: &Bulk) -> Infallible {
        loop {
            tokio::time::sleep(LEASE_RENEWAL_INTERVAL).await;
            if self.closing.is_cancelled() {
                std::future::pending::<()>().await;
            }
            if let Err(error) = self.bulks.store.renew_lease(&bulk.id, LEASE).await {
                tracing::warn!(bulk = bulk.id, %error, "the lease of a download was not renewed");
            }
        }
    }

    /// Makes the command of one device, with a unique password.
    async fn export_line(
        &self,
        bulk: &Bulk,
        snapshot: Snapshot,
    ) -> Result<PasswordExportLine, ServerError> {
        let rule = &self.bulks.host.deployment().password_rule;
        let password = random_password(&rule.narrowed_to(&snapshot.capabilities.passwords))?;
        let (device, name) = (snapshot.device.id.clone(), snapshot.name.clone());
        let (password, command) = match self.bulks.make_one(bulk, Some(&password), snapshot).await?
        {
            Ok(id) => (Some(password), Ok((id, Status::Pending))),
            Err(why) => (None, Err(why)),
        };
        Ok(PasswordExportLine {
            device,
            name,
            password,
            command,
        })
    }

    /// Updates the lines of a page with the statuses of their commands, once all online devices have an outcome, or at
    /// the deadline. The page follows the device `before`.
    async fn note_answers(
        &self,
        bulk: &Bulk,
        before: Option<&str>,
        lines: &mut [PasswordExportLine],
        online: &BTreeSet<String>,
        deadline: Instant,
    ) -> Result<(), ServerError> {
        loop {
            let answers = self
                .bulks
                .store
                .bulk_answers(&bulk.id, false, before, PAGE)
                .await?;
            let commands = answers
                .into_iter()
                .filter_map(|it| Some((it.device, it.answer.ok()?)));
            let mut commands: BTreeMap<_, _> = commands.collect();
            for line in &mut *lines {
                if let Some(command) = commands.remove(&line.device) {
                    line.note(command);
                }
            }
            let is_awaited =
                |line: &PasswordExportLine| line.is_pending() && online.contains(&line.device);
            let is_over = Instant::now() >= deadline || self.closing.is_cancelled();
            if is_over || !lines.iter().any(is_awaited) {
                return Ok(());
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Also errors if the receiver was dropped, or at shutdown: the bulk is then cancelled.
    async fn fill_export(&self, bulk: &Bulk, pages: &Pages) -> Result<(), ServerError> {
        let over = || ServerError::Store(StoreError::BulkOver);
        let mut after: Option<String> = None;
        let mut patience = EXPORT_TIMEOUT;
        loop {
            self.bulks.check_requester(bulk).await?;
            let page = self
                .bulks
                .store
                .bulk_to_do(bulk, after.as_deref(), PAGE)
                .await?;
            let Some(last) = page.last() else {
                return is_at_its_end(pages).await.then_some(()).ok_or_else(over);
            };
            let before = after.replace(last.device.id.clone());
            let online = page
                .iter()
                .filter(|it| self.transport.is_snapshot_online(it));
            let online: BTreeSet<_> = online.map(|it| it.device.id.clone()).collect();
            let lines = stream::iter(page)
                .map(|snapshot| self.export_line(bulk, snapshot))
                .buffered(CONCURRENCY)
                .collect::<Vec<_>>()
                .await;
            // Commands that were made are delivered even if the rest failed.
            let (lines, failures): (Vec<_>, Vec<_>) = lines.into_iter().partition(Result::is_ok);
            let mut lines: Vec<PasswordExportLine> = lines.into_iter().flatten().collect();
            let start = Instant::now();
            let deadline = start + patience.min(PAGE_TIMEOUT);
            let answers = self.note_answers(bulk, before.as_deref(), &mut lines, &online, deadline);
            if let Err(error) = answers.await {
                tracing::warn!(bulk = bulk.id, %error, "the statuses for a password export were not read");
            }
            patience = patience.saturating_sub(start.elapsed());
            let is_taken = match tokio::time::timeout(DOWNLOAD_TIMEOUT, pages.send(Ok(lines))).await
            {
                Ok(sent) => sent.is_ok(),
                Err(_) => false,
            };
            if let Some(error) = failures.into_iter().find_map(Result::err) {
                return Err(error);
            }
            if !is_taken || self.closing.is_cancelled() {
                return Err(over());
            }
        }
    }
}

/// Returns `true` if all pages were received. The final empty page is received only after all others.
async fn is_at_its_end(pages: &Pages) -> bool {
    let taken = async { pages.send(Ok(Vec::new())).await.is_ok() && pages.reserve().await.is_ok() };
    tokio::time::timeout(DOWNLOAD_TIMEOUT, taken)
        .await
        .unwrap_or(false)
}
