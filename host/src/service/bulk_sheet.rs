//! Bulks that give each device a password of its own: the passwords are made while their sheet is downloaded, told
//! once, and kept nowhere. If the download breaks off, commands whose passwords nobody may know are taken back.

use super::{
    Service, ServiceError,
    bulk_runner::{AT_ONCE, PAGE, PAUSE},
};
use crate::{
    access::{Caller, Forbidden},
    password::Password,
    store::{Bulk, BulkState, BulkTurn, NoCommand, Snapshot, StoreError},
};
use futures_util::stream::{self, StreamExt as _};
use mdm_wire::{time, words::CommandId};
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::sync::mpsc;

/// How long a download may stand still.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long nobody else takes a download for broken off, in milliseconds, after its host has last said that it goes on.
const HELD: u32 = 10_000;

/// How often it says so.
const HOLD_EVERY: Duration = Duration::from_secs(3);

/// What a sheet says of one device.
pub struct SheetLine {
    /// The device.
    pub device: String,
    /// What people call it.
    pub name: String,
    /// Its new password, and the command that brings it; or why it has none.
    pub answer: Result<(Password, CommandId), NoCommand>,
}

/// Pages of a sheet, as they are made; an error ends it.
type Pages = mpsc::Sender<Result<Vec<SheetLine>, ServiceError>>;

impl Service {
    /// Starts a bulk with different passwords, once, and gives the pages of its sheet as they are made. If nobody
    /// takes them any more, no more commands are made, and those that are pending are taken back.
    pub async fn download_bulk_sheet(
        self: &Arc<Self>,
        by: &Caller,
        id: &str,
    ) -> Result<mpsc::Receiver<Result<Vec<SheetLine>, ServiceError>>, ServiceError> {
        let bulk = self.bulk(by, id).await?;
        if bulk.requested_by != by.name {
            return Err(Forbidden::OthersRequest {
                who: by.name.clone(),
                requested_by: bulk.requested_by,
            }
            .into());
        }
        let (from, to) = (BulkState::WaitingForDownload, BulkState::Running);
        let turn = BulkTurn::new(from, to, time::now());
        let words = ("download-bulk", "downloaded");
        self.store.hold_bulk(id, HELD).await?;
        let bulk = self.turn_bulk(by, &bulk, turn, words).await?;
        let (pages, taken) = mpsc::channel(1);
        let service = Arc::clone(self);
        tokio::spawn(async move {
            let filled = tokio::select! {
                filled = service.fill_sheet(&bulk, &pages) => filled,
                never = service.hold_bulk(&bulk) => match never {},
            };
            let to = match filled {
                Ok(()) => BulkState::Done,
                Err(_) => BulkState::Cancelled,
            };
            // Nobody else ends it before the host starts again.
            while let Err(error) = service.end_bulk(&bulk, to).await {
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
    async fn hold_bulk(&self, bulk: &Bulk) -> Infallible {
        loop {
            tokio::time::sleep(HOLD_EVERY).await;
            if *self.closing.borrow() {
                std::future::pending::<()>().await;
            }
            if let Err(error) = self.store.hold_bulk(&bulk.id, HELD).await {
                tracing::warn!(bulk = bulk.id, %error, "a download is not held");
            }
        }
    }

    /// It errs also if nobody takes the pages any more, or the host stops: the bulk is over then.
    async fn fill_sheet(&self, bulk: &Bulk, pages: &Pages) -> Result<(), ServiceError> {
        let over = || ServiceError::Store(StoreError::BulkOver);
        let mut after: Option<String> = None;
        loop {
            let page = self.store.bulk_to_do(bulk, after.as_deref(), PAGE).await?;
            let Some(last) = page.last() else {
                return is_at_its_end(pages).await.then_some(()).ok_or_else(over);
            };
            after = Some(last.device.id.clone());
            let line = async |snapshot: Snapshot| {
                let password = Password::random(&self.password_rule)?;
                let (device, name) = (snapshot.device.id.clone(), snapshot.name.clone());
                let made = self.make_one(bulk, Some(&password), snapshot).await?;
                Ok::<_, ServiceError>(SheetLine {
                    device,
                    name,
                    answer: made.map(|command| (password, command)),
                })
            };
            let lines = stream::iter(page)
                .map(line)
                .buffered(AT_ONCE)
                .collect::<Vec<_>>()
                .await;
            // What was made is told, also where the rest could not be made.
            let (lines, failures): (Vec<_>, Vec<_>) = lines.into_iter().partition(Result::is_ok);
            let lines = lines.into_iter().flatten().collect();
            let is_taken = match tokio::time::timeout(PATIENCE, pages.send(Ok(lines))).await {
                Ok(sent) => sent.is_ok(),
                Err(_) => false,
            };
            if let Some(error) = failures.into_iter().find_map(Result::err) {
                return Err(error);
            }
            if !is_taken || *self.closing.borrow() {
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
