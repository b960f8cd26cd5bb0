//! What becomes of the commands from before a restore: they are held until an admin releases or cancels them.

use super::{Service, ServiceError};
use crate::{
    access::Caller,
    audit::AuditEntry,
    store::{BulkState, RestoreState},
};
use mdm_contract::{time, words::CommandId};

/// How many held commands, or bulks, are read at once.
const PAGE: u32 = 500;

impl Service {
    /// Whether commands are held, as of the last look.
    pub fn undecided_restore(&self) -> Option<RestoreState> {
        self.history
            .restore_state()
            .filter(|state| state.undecided_since.is_some() || state.held > 0)
    }

    /// How the store stands, and the first `most` held commands, each with its device.
    pub async fn held_commands(
        &self,
        by: &Caller,
        most: u32,
    ) -> Result<(RestoreState, Vec<(String, CommandId)>), ServiceError> {
        by.check_all()?;
        let state = self.store.restore_state().await?;
        Ok((state, self.store.held_commands(None, most).await?))
    }

    /// Lets the held commands be delivered, and bulks from before the restore go on.
    pub async fn release_held(&self, by: &Caller) -> Result<RestoreState, ServiceError> {
        by.check_all()?;
        let audit = AuditEntry::new(time::now(), by, "release-held-commands");
        let devices = self.store.release_held(audit).await?;
        tracing::info!(commands = devices.len(), "held commands are released");
        self.note_history().await?;
        for device in &devices {
            self.commits.news.changed(device);
            self.transport.wake(device, false);
        }
        self.bulks_to_run.notify_one();
        Ok(self.store.restore_state().await?)
    }

    /// Cancels the held commands, and the bulks that were running. Errors with the first command that the plugin does not
    /// let go: that one is held still.
    pub async fn cancel_held(&self, by: &Caller) -> Result<RestoreState, ServiceError> {
        by.check_all()?;
        // Cancelling what is cancelled already changes nothing, so its many commits need no key.
        let by = &by.without_key();
        for bulk in self.store.bulks_to_run(PAGE).await? {
            if bulk.state == BulkState::Running {
                self.cancel_bulk(by, &bulk.id, false).await?;
            }
        }
        let mut after = None;
        let mut refused = None;
        loop {
            let held = self.store.held_commands(after.as_ref(), PAGE).await?;
            let Some((_, last)) = held.last().cloned() else {
                break;
            };
            for (device, command) in held {
                match self.cancel(by, &device, &command).await {
                    // It has its outcome by now.
                    Ok(_) | Err(ServiceError::Refused(_)) => {}
                    Err(error) => refused = refused.or(Some(error)),
                }
            }
            after = Some(last);
        }
        if let Some(error) = refused {
            return Err(error);
        }
        let audit = AuditEntry::new(time::now(), by, "cancel-held-commands");
        if !self.store.end_restore(audit).await? {
            tracing::warn!("the plugin did not let all held commands be cancelled");
        }
        self.note_history().await?;
        Ok(self.store.restore_state().await?)
    }
}
