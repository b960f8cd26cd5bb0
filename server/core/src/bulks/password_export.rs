//! Bulks that give each device a password of its own: the passwords are made while their sheet is downloaded, told
//! once, and kept nowhere. If the download breaks off, commands whose passwords nobody may know are taken back.

use super::{
    requests::Bulks,
    runner::{AT_ONCE, PAGE, PAUSE},
};
use crate::{
    access::{Caller, Forbidden},
    error::ServerError,
    platform::AgentTransport,
    random_password::random_password,
    store::{Bulk, BulkState, BulkTurn, NoCommand, Snapshot, StatusWord, StoreError},
};
use futures_util::stream::{self, StreamExt as _};
use mdm_contract::{
    decisions::{Command, Status},
    time,
    words::{CommandId, Outcome},
};
use mdm_password_host::password::Password;
use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// How long a download may stand still.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long nobody else takes a download for broken off, in milliseconds, after its host has last said that it goes on.
const HELD: u32 = 10_000;

/// How often it says so.
const HOLD_EVERY: Duration = Duration::from_secs(3);

/// How long a page of a sheet waits for the answers of devices that are in contact.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);

/// How long all pages of a sheet wait together: a download must not take hours because some devices are slow.
const ALL_ANSWERS_WITHIN: Duration = Duration::from_secs(30);

/// How often it is looked whether they have answered.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What a sheet says of one device.
pub struct SheetLine {
    /// The device.
    pub device: String,
    /// What people call it.
    pub name: String,
    /// Its new password; none: it has not taken one, and will not.
    pub password: Option<Password>,
    /// The command that brings it, with its status when this was told; or why there is none.
    pub command: Result<(CommandId, Status), NoCommand>,
}

impl SheetLine {
    /// Notes what has become of its command. If the device failed, it has no new password; where the host ended the
    /// command, the device may have been faster.
    fn note(&mut self, command: Command) {
        let has_failed = StatusWord::from(&command.status) == StatusWord::Failed;
        if has_failed && command.late_outcome != Some(Outcome::Success) {
            self.password = None;
        }
        self.command = Ok((command.id, command.status));
    }

    fn is_pending(&self) -> bool {
        matches!(self.command, Ok((_, Status::Pending)))
    }
}

/// Pages of a sheet, as they are made; an error ends it.
type Pages = mpsc::Sender<Result<Vec<SheetLine>, ServerError>>;

/// Downloads of the passwords of bulks.
pub struct PasswordExports {
    pub(crate) bulks: Arc<Bulks>,
    pub(crate) transport: AgentTransport,
    /// Cancelled when the server stops: the downloads end.
    pub(crate) closing: CancellationToken,
}

impl PasswordExports {
    /// Starts a bulk with different passwords, once, and gives the pages of its sheet as they are made. If nobody
    /// takes them any more, no more commands are made, and those that are pending are taken back.
    pub async fn download(
        self: &Arc<Self>,
        by: &Caller,
        id: &str,
    ) -> Result<mpsc::Receiver<Result<Vec<SheetLine>, ServerError>>, ServerError> {
        let bulk = self.bulks.get(by, id).await?;
        if bulk.requested_by != by.actor {
            return Err(Forbidden::OthersRequest {
                who: by.actor.clone(),
                requested_by: bulk.requested_by,
            }
            .into());
        }
        let (from, to) = (BulkState::WaitingForDownload, BulkState::Running);
        let turn = BulkTurn::new(from, to, time::now());
        let words = ("download-bulk", "downloaded");
        self.bulks.store.hold_bulk(id, HELD).await?;
        // The passwords are told once: a request for them has no response to store.
        self.bulks
            .turn(&by.without_key(), &bulk, turn, words)
            .await?;
        let bulk = self.bulks.get(by, id).await?;
        let (pages, taken) = mpsc::channel(1);
        let exports = Arc::clone(self);
        tokio::spawn(async move {
            let filled = tokio::select! {
                filled = exports.fill_sheet(&bulk, &pages) => filled,
                never = exports.hold(&bulk) => match never {},
            };
            let to = match filled {
                Ok(()) => BulkState::WaitingForDevices,
                Err(_) => BulkState::Cancelled,
            };
            // Nobody else ends it before the host starts again.
            while let Err(error) = exports.bulks.end(&bulk, to).await {
                tracing::warn!(bulk = bulk.id, %error, "a bulk was not ended");
                tokio::time::sleep(PAUSE).await;
            }
            if let Err(error) = filled {
                tracing::warn!(bulk = bulk.id, %error, "the sheet of a bulk broke off");
                // Whoever does not listen any more wants no error either.
                let _ = tokio::time::timeout(PATIENCE, pages.send(Err(error))).await;
            }
        });
        Ok(taken)
    }

    /// Lets nobody else take the download of a bulk for broken off, until the host closes.
    async fn hold(&self, bulk: &Bulk) -> Infallible {
        loop {
            tokio::time::sleep(HOLD_EVERY).await;
            if self.closing.is_cancelled() {
                std::future::pending::<()>().await;
            }
            if let Err(error) = self.bulks.store.hold_bulk(&bulk.id, HELD).await {
                tracing::warn!(bulk = bulk.id, %error, "a download is not held");
            }
        }
    }

    /// Makes the command of one device, with a password of its own.
    async fn sheet_line(&self, bulk: &Bulk, snapshot: Snapshot) -> Result<SheetLine, ServerError> {
        let password = random_password(self.bulks.host.password_rule())?;
        let (device, name) = (snapshot.device.id.clone(), snapshot.name.clone());
        let (password, command) = match self.bulks.make_one(bulk, Some(&password), snapshot).await?
        {
            Ok(id) => (Some(password), Ok((id, Status::Pending))),
            Err(why) => (None, Err(why)),
        };
        Ok(SheetLine {
            device,
            name,
            password,
            command,
        })
    }

    /// Notes in the lines of a page, which follows the device `before`, what has become of their commands: once all
    /// devices in contact have answered, or at the deadline.
    async fn note_answers(
        &self,
        bulk: &Bulk,
        before: Option<&str>,
        lines: &mut [SheetLine],
        in_contact: &BTreeSet<String>,
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
                |line: &SheetLine| line.is_pending() && in_contact.contains(&line.device);
            let is_over = Instant::now() >= deadline || self.closing.is_cancelled();
            if is_over || !lines.iter().any(is_awaited) {
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// It errs also if nobody takes the pages any more, or the host stops: the bulk is over then.
    async fn fill_sheet(&self, bulk: &Bulk, pages: &Pages) -> Result<(), ServerError> {
        let over = || ServerError::Store(StoreError::BulkOver);
        let mut after: Option<String> = None;
        let mut patience = ALL_ANSWERS_WITHIN;
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
            let in_contact = page
                .iter()
                .filter(|it| self.transport.is_snapshot_online(it));
            let in_contact: BTreeSet<_> = in_contact.map(|it| it.device.id.clone()).collect();
            let lines = stream::iter(page)
                .map(|snapshot| self.sheet_line(bulk, snapshot))
                .buffered(AT_ONCE)
                .collect::<Vec<_>>()
                .await;
            // What was made is told, also where the rest could not be made.
            let (lines, failures): (Vec<_>, Vec<_>) = lines.into_iter().partition(Result::is_ok);
            let mut lines: Vec<SheetLine> = lines.into_iter().flatten().collect();
            let began = Instant::now();
            let deadline = began + patience.min(ANSWERS_WITHIN);
            let answers =
                self.note_answers(bulk, before.as_deref(), &mut lines, &in_contact, deadline);
            if let Err(error) = answers.await {
                tracing::warn!(bulk = bulk.id, %error, "a sheet does not know what devices have answered");
            }
            patience = patience.saturating_sub(began.elapsed());
            let is_taken = match tokio::time::timeout(PATIENCE, pages.send(Ok(lines))).await {
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

/// Whether all pages were taken: who takes an empty one has let go of the last one before.
async fn is_at_its_end(pages: &Pages) -> bool {
    let taken = async { pages.send(Ok(Vec::new())).await.is_ok() && pages.reserve().await.is_ok() };
    tokio::time::timeout(PATIENCE, taken).await.unwrap_or(false)
}
