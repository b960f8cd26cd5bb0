//! Restores: the store was replaced by an older backup of itself. Its pending commands are held until an admin decides.

use super::StoreError;
use crate::audit::AuditEntry;
use async_trait::async_trait;
use mdm_contract::{CommandId, time::Timestamp};

/// The restore state of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestoreState {
    /// The epoch, from 1. It grows with each detected restore.
    pub epoch: u64,
    /// The time at which the last restore was detected. `None` if there was none, or an admin has decided.
    pub undecided_since: Option<Timestamp>,
    /// The number of held commands: they are delivered to no device.
    pub held: u64,
}

/// The detection of a restore, and the decision about its held commands.
#[async_trait]
pub trait Restores: Send + Sync + 'static {
    /// The restore state.
    async fn restore_state(&self) -> Result<RestoreState, StoreError>;

    /// Begins a new epoch at the time of this line of the audit trail, and holds all pending commands. Returns
    /// `false` if the epoch is no longer `from`: another server has detected the restore too.
    async fn begin_epoch(&self, from: u64, to: u64, audit: AuditEntry) -> Result<bool, StoreError>;

    /// Up to `limit` held commands after this one, oldest first, each with its device.
    async fn held_commands(
        &self,
        after: Option<&CommandId>,
        limit: u32,
    ) -> Result<Vec<(String, CommandId)>, StoreError>;

    /// Releases held commands, and ends the restore state. Returns their devices.
    async fn release_held(&self, audit: AuditEntry) -> Result<Vec<String>, StoreError>;

    /// Ends the restore state. Returns `false` if commands are still held.
    async fn end_restore(&self, audit: AuditEntry) -> Result<bool, StoreError>;
}
