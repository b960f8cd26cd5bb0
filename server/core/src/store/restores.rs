//! A store that was replaced by an older one of its own: what is kept of that, until an admin has decided what
//! becomes of the commands from before.

use super::StoreError;
use crate::audit::AuditEntry;
use async_trait::async_trait;
use mdm_contract::{time::Timestamp, types::CommandId};

/// The restore state of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestoreState {
    /// It grows with each restore that is noticed, from 1.
    pub epoch: u64,
    /// The time when the last restore was noticed. `None` if there was none, or an admin has decided.
    pub undecided_since: Option<Timestamp>,
    /// The number of held commands: they are delivered to no device.
    pub held: u64,
}

/// Noticing a restore, and deciding about it.
#[async_trait]
pub trait Restores: Send + Sync + 'static {
    /// The restore state.
    async fn restore_state(&self) -> Result<RestoreState, StoreError>;

    /// Begins a new epoch at the time of this line of the audit trail, and holds all pending commands. Returns
    /// `false` if the epoch is not `from` any more: another host has noticed it, too.
    async fn begin_epoch(&self, from: u64, to: u64, audit: AuditEntry) -> Result<bool, StoreError>;

    /// Up to `most` held commands after this one, oldest first, each with its device.
    async fn held_commands(
        &self,
        after: Option<&CommandId>,
        most: u32,
    ) -> Result<Vec<(String, CommandId)>, StoreError>;

    /// Lets held commands be delivered, and ends what was undecided. Returns their devices.
    async fn release_held(&self, audit: AuditEntry) -> Result<Vec<String>, StoreError>;

    /// Ends what was undecided. Returns `false` if commands are held still.
    async fn end_restore(&self, audit: AuditEntry) -> Result<bool, StoreError>;
}
