//! Makes the commands of bulks, device by device. What is made is in the store with the commands, so that after a
//! restart of the host each bulk goes on with the devices that have no answer yet.

use super::{Deed, Service, ServiceError};
use crate::{
    access::{Caller, Permission, Reach},
    password::Password,
    plugin::Function,
    store::{Bulk, BulkState, BulkTurn, NoCommand, StoreError},
};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use mdm_wire::{
    time,
    words::{Action, CommandId},
};
use std::{collections::HashMap, time::Duration};

/// The most bulks that run by turns; the others wait.
const MOST_BULKS: u32 = 8;

/// How many devices of a bulk are done before it is the next one's turn.
pub(super) const PAGE: u32 = 256;

/// How many devices are decided on at once: their commits are made durable together.
pub(super) const AT_ONCE: usize = 32;

/// How long to wait after a failure of the store.
const PAUSE: Duration = Duration::from_secs(1);

/// How far each bulk is, by the id of the last device that is done. What is lost with the host is found again in
/// the store.
type Places = HashMap<String, String>;

impl Service {
    /// Runs bulks until the host closes.
    pub async fn run_bulks(&self) {
        let mut closing = self.closing.subscribe();
        let mut places = Places::new();
        if let Err(error) = self.end_old_downloads().await {
            tracing::warn!(%error, "bulks whose downloads broke off were not cancelled");
        }
        while !*closing.borrow() {
            let pause = match self.run_bulks_once(&mut places).await {
                Ok(true) => continue,
                Ok(false) => Duration::MAX,
                Err(error) => {
                    tracing::warn!(%error, "a bulk stands still");
                    PAUSE
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.bulks_to_run.notified() => {}
                _ = closing.changed() => {}
            }
        }
    }

    /// Does a page of each bulk. False: there is none.
    async fn run_bulks_once(&self, places: &mut Places) -> Result<bool, ServiceError> {
        let bulks = self.store.bulks_to_run(MOST_BULKS).await?;
        places.retain(|id, _| bulks.iter().any(|bulk| bulk.id == *id));
        let is_any = !bulks.is_empty();
        for bulk in bulks {
            if *self.closing.borrow() {
                break;
            }
            let after = places.get(&bulk.id).map(String::as_str);
            let done = match &bulk.taken_back_by {
                Some(by) => self.take_back_page(&bulk, by, after).await,
                None => self.make_page(&bulk, after).await,
            };
            match done {
                Ok(Some(last)) => drop(places.insert(bulk.id, last)),
                // It was cancelled meanwhile, or it is done: what comes then begins at its beginning.
                Ok(None) | Err(ServiceError::Store(StoreError::BulkOver)) => {
                    places.remove(&bulk.id);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(is_any)
    }

    /// Makes the commands of the next devices, and says which was the last; none: the bulk is done.
    async fn make_page(
        &self,
        bulk: &Bulk,
        after: Option<&str>,
    ) -> Result<Option<String>, ServiceError> {
        let password = self.bulk_password(bulk)?;
        let page = self.store.bulk_to_do(bulk, after, PAGE).await?;
        let Some(last) = page.last().map(|it| it.device.id.clone()) else {
            self.end_bulk(bulk, BulkState::Done).await?;
            return Ok(None);
        };
        stream::iter(page)
            .map(|snapshot| self.make_one(bulk, password.as_ref(), snapshot.device.id))
            .buffer_unordered(AT_ONCE)
            .try_for_each(|_| async { Ok(()) })
            .await?;
        Ok(Some(last))
    }

    /// Makes the command of one device, or notes why there is none. It errs if the device has no answer yet.
    pub(super) async fn make_one(
        &self,
        bulk: &Bulk,
        password: Option<&Password>,
        device: String,
    ) -> Result<Result<CommandId, NoCommand>, ServiceError> {
        let by = bulk.caller();
        let detail = match &bulk.reason {
            Some(reason) => format!("bulk {}: {reason}", bulk.id),
            None => format!("bulk {}", bulk.id),
        };
        let deed = |function| Deed {
            password,
            detail: Some(detail),
            bulk: Some(&bulk.id),
            ..Deed::new(&by, function)
        };
        let (terms, options) = (bulk.terms, bulk.options);
        let made = match bulk.action {
            Action::Reset => {
                self.decide(&device, deed(Function::Reset), move |plugin, context| {
                    let terms = terms.on(context.pending.as_ref());
                    plugin.reset(context, options, &terms)
                })
                .await
            }
            Action::Remove => {
                self.decide(&device, deed(Function::Remove), move |plugin, context| {
                    let terms = terms.on(context.pending.as_ref());
                    plugin.remove(context, &terms)
                })
                .await
            }
        };
        let error = match made {
            Ok(command) => return Ok(Ok(command)),
            Err(error @ ServiceError::Store(StoreError::BulkOver | StoreError::Failed(_))) => {
                return Err(error);
            }
            Err(error) => error,
        };
        let why = NoCommand {
            kind: error.kind().to_owned(),
            detail: error.to_string(),
        };
        self.store
            .add_no_command(&bulk.id, &device, why.clone())
            .await?;
        self.news.changed(&bulk.id);
        Ok(Err(why))
    }

    /// Cancels the next pending commands of a bulk, and says which device was the last; none: that is done.
    async fn take_back_page(
        &self,
        bulk: &Bulk,
        by: &str,
        after: Option<&str>,
    ) -> Result<Option<String>, ServiceError> {
        let by = Caller {
            name: by.to_owned(),
            address: None,
            permissions: [Permission::ChangePassword].into(),
            reach: Reach::ALL,
        };
        let page = self.store.bulk_pending(&bulk.id, after, PAGE).await?;
        let Some((last, _)) = page.last().cloned() else {
            self.store.bulk_has_taken_back(&bulk.id).await?;
            self.news.changed(&bulk.id);
            return Ok(None);
        };
        let cancel = async |(device, command): (String, CommandId)| {
            if let Err(error) = self.cancel(&by, &device, &command).await {
                // Its outcome may have come first.
                tracing::info!(device, command, %error, "was not taken back");
            }
        };
        stream::iter(page)
            .map(cancel)
            .buffer_unordered(AT_ONCE)
            .collect::<()>()
            .await;
        Ok(Some(last))
    }

    pub(super) async fn end_bulk(&self, bulk: &Bulk, to: BulkState) -> Result<(), ServiceError> {
        let words = match to {
            BulkState::Done => ("end-bulk", "ended"),
            _ => ("cancel-bulk", "cancelled"),
        };
        let turn = BulkTurn {
            from: BulkState::Running,
            to,
            at: time::now(),
            approved_by: None,
            taken_back_by: None,
        };
        match self.turn_bulk(&Caller::host(), bulk, turn, words).await {
            Ok(_) | Err(ServiceError::BulkState { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Cancels the bulks whose passwords were being downloaded when the host went down.
    async fn end_old_downloads(&self) -> Result<(), ServiceError> {
        for bulk in self.store.bulks_with_downloads().await? {
            self.end_bulk(&bulk, BulkState::Cancelled).await?;
        }
        Ok(())
    }
}
