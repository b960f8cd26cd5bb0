//! Devices and their commands: a call reads a [`Snapshot`] and writes one [`Commit`], guarded by the device's version.

use super::{RequestRecord, StatusKind, StoreError};
use crate::change::Change;
use async_trait::async_trait;
use mdm_agent_protocol::{
    sealing::{PublicKey, Sealed},
    signing_key::VerifyingKey,
};
use mdm_contract::{Capabilities, Command, CommandId, Device, time::Timestamp};

/// A device in the store at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The device, as plugins see it.
    pub device: Device,
    /// The capabilities of the way to it, as its agent reported them.
    pub capabilities: Capabilities,
    /// Its name.
    pub name: String,
    /// Passwords are sealed to this key.
    pub public_key: PublicKey,
    /// Its agent signs with the other half of this key, or did until the device was revoked.
    pub signing_key: VerifyingKey,
    /// When it enrolled.
    pub enrolled_at: Timestamp,
    /// The time of its revocation. `None` if it is not revoked.
    pub revoked_at: Option<Timestamp>,
    /// Its version, which grows with every change. A commit names the version of its decision.
    pub version: i64,
    /// The known end of its agent's waiting sync at another replica.
    pub online_until: Option<Timestamp>,
    /// Its pending command.
    pub pending: Option<Command>,
    /// Its latest command.
    pub latest: Option<Command>,
}

impl Snapshot {
    /// The status of the device: the same that lists and counts go by.
    pub fn status(&self) -> StatusKind {
        match (self.revoked_at, &self.latest) {
            (Some(_), _) => StatusKind::Revoked,
            (None, Some(latest)) => StatusKind::from(&latest.status),
            (None, None) => StatusKind::None,
        }
    }
}

/// A decision: written as a whole or not at all.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The device.
    pub device: String,
    /// The version of the snapshot that the decision rests on.
    pub version: i64,
    /// When it was decided.
    pub at: Timestamp,
    /// The changes, in order.
    pub changes: Vec<Change>,
    /// The bulk that its command is part of.
    pub bulk: Option<String>,
    /// The record of the request; none for what an agent tells of its device.
    pub audit: Option<RequestRecord>,
}

/// A pending command after its expiry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overdue {
    /// Its device.
    pub device: String,
    /// The command.
    pub command: CommandId,
    /// Its expiry.
    pub expires_at: Timestamp,
}

/// The commands that are pending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PendingCommands {
    /// The number of pending commands.
    pub number: i64,
    /// The time of the oldest request among them.
    pub oldest: Option<Timestamp>,
}

/// A pending command in the outbox.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The command.
    pub command: Command,
    /// The sealed password. `None` once the device is revoked.
    pub sealed: Option<Sealed>,
    /// Held: it is from before a restore, and is not delivered until an admin decides.
    pub is_held: bool,
}

/// Devices, their commands and their outboxes.
#[async_trait]
pub trait Devices: Send + Sync + 'static {
    /// A device with its latest command and its pending one.
    async fn snapshot(&self, device: &str) -> Result<Option<Snapshot>, StoreError>;

    /// A device with its outbox, oldest first: all that a sync reads.
    async fn snapshot_with_outbox(
        &self,
        device: &str,
    ) -> Result<Option<(Snapshot, Vec<Delivery>)>, StoreError> {
        let Some(snapshot) = self.snapshot(device).await? else {
            return Ok(None);
        };
        Ok(Some((snapshot, self.outbox(device).await?)))
    }

    /// A command, if it is this device's.
    async fn command(&self, device: &str, id: &str) -> Result<Option<Command>, StoreError>;

    /// The latest `limit` commands of a device, latest first.
    async fn history(&self, device: &str, limit: u32) -> Result<Vec<Command>, StoreError>;

    /// A device's pending commands, oldest first.
    async fn outbox(&self, device: &str) -> Result<Vec<Delivery>, StoreError>;

    /// The number of pending commands, and the oldest of them.
    async fn pending_commands(&self) -> Result<PendingCommands, StoreError>;

    /// Up to `limit` pending commands with an expiry before `now`, by expiry, after this one.
    async fn overdue(
        &self,
        now: Timestamp,
        after: Option<&Overdue>,
        limit: u32,
    ) -> Result<Vec<Overdue>, StoreError>;

    /// Writes a decision durably, as a whole or not at all.
    async fn commit(&self, commit: Commit) -> Result<(), StoreError>;
}
