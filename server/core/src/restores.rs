//! Commands from before a restore are held until an admin releases or cancels them.

use crate::{
    access::Caller,
    audit::AuditEntry,
    bulks::Bulks,
    commands::Commands,
    commits::Commits,
    error::ServerError,
    history::History,
    platform::AgentTransport,
    store::{BulkState, RestoreState, Store},
};
use mdm_contract::{CommandId, time};
use std::sync::Arc;

/// Held commands, or bulks, per read.
const PAGE: u32 = 500;

/// Management of the commands from before a restore.
pub struct Restores {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) commits: Arc<Commits>,
    pub(crate) transport: AgentTransport,
    pub(crate) history: Arc<History>,
    pub(crate) commands: Arc<Commands>,
    pub(crate) bulks: Arc<Bulks>,
}

impl Restores {
    /// Returns the restore state if an admin has not decided yet, as of the last look.
    pub fn undecided(&self) -> Option<RestoreState> {
        self.history.undecided_restore()
    }

    /// The restore state, and up to `limit` held commands with their devices.
    pub async fn held(
        &self,
        by: &Caller,
        limit: u32,
    ) -> Result<(RestoreState, Vec<(String, CommandId)>), ServerError> {
        by.check_all()?;
        let state = self.store.restore_state().await?;
        Ok((state, self.store.held_commands(None, limit).await?))
    }

    /// Releases the held commands, and lets bulks from before the restore continue.
    pub async fn release(&self, by: &Caller) -> Result<RestoreState, ServerError> {
        by.check_all()?;
        let audit = AuditEntry::new(time::now(), by, "release-held-commands");
        let devices = self.store.release_held(audit).await?;
        tracing::info!(commands = devices.len(), "held commands are released");
        self.history.note().await?;
        for device in &devices {
            self.commits.changes.changed(device);
            self.transport.wake(device, false);
        }
        self.bulks.wake_runner();
        Ok(self.store.restore_state().await?)
    }

    /// Cancels the held commands and the running bulks. Errors with the first failure other than a refusal of the
    /// plugin. A command that the plugin refuses to cancel stays held.
    pub async fn cancel(&self, by: &Caller) -> Result<RestoreState, ServerError> {
        by.check_all()?;
        // Cancellation is idempotent, so its many commits need no key.
        let by = &by.without_key();
        for bulk in self.store.bulks_to_run(PAGE).await? {
            if bulk.state == BulkState::Running {
                self.bulks.cancel(by, &bulk.id, false).await?;
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
                match self.commands.cancel(by, &device, &command).await {
                    // The command has its outcome by now.
                    Ok(_) | Err(ServerError::Refused(_)) => {}
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
        self.history.note().await?;
        Ok(self.store.restore_state().await?)
    }
}
