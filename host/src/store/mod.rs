//! The store: devices, commands, the outbox, policies and the audit trail.
//!
//! A call reads a [`Snapshot`] and writes one [`Commit`], guarded by the device's version. Nothing
//! else writes to a device, so any database that can compare and set can be a store.

mod sqlite;

pub use sqlite::SqliteStore;

use crate::{
    audit::{AuditEntry, AuditLine},
    change::Change,
    token::TokenDigest,
};
use async_trait::async_trait;
use mdm_wire::{
    decisions::{Command, Device},
    sealing::{PublicKey, Sealed},
    signing_key::VerifyingKey,
    sync::Told,
    time::Timestamp,
    words::CommandId,
};

/// Why the store did not do as it was asked. Nothing was written then.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The device has changed since the snapshot was taken. Take another and decide again.
    #[error("the device was changed by someone else at the same time")]
    Conflict,
    /// The database refused or failed.
    #[error("the store failed: {0}. Check the disk and the database file, then try again")]
    Failed(String),
}

/// What the store knows of a device at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The device, as plugins see it.
    pub device: Device,
    /// What people call it.
    pub name: String,
    /// Passwords are sealed to this key.
    pub public_key: PublicKey,
    /// When it enrolled.
    pub enrolled_at: Timestamp,
    /// When an admin revoked it; none: it is trusted.
    pub revoked_at: Option<Timestamp>,
    /// It grows with every change; a commit names the one that it was decided on.
    pub version: i64,
    /// Its command in flight.
    pub pending: Option<Command>,
    /// Its latest command.
    pub latest: Option<Command>,
}

/// What one call decided: written as a whole or not at all.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Which device.
    pub device: String,
    /// The version of the snapshot that the decision rests on.
    pub version: i64,
    /// When it was decided.
    pub at: Timestamp,
    /// What changes, in order.
    pub changes: Vec<Change>,
    /// The line in the audit trail; none for what an agent tells of its device.
    pub audit: Option<AuditEntry>,
}

/// The file of a plugin, as an admin gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginFile {
    /// A component, or one that this host compiled. A store keeps components only.
    pub bytes: Vec<u8>,
    /// The text of its signature, if it has one.
    pub signature: Option<String>,
}

/// What an admin chose of plugins. None is the plugin that the host starts with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginChoice {
    /// The plugin that decides.
    pub active: Option<ChosenPlugin>,
    /// The one that a roll back puts back.
    pub previous: Option<ChosenPlugin>,
}

/// A plugin that an admin chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChosenPlugin {
    /// SHA-256 of its component, in hex.
    pub digest: String,
    /// Whether it has passed a trial on this host.
    pub is_proven: bool,
}

/// A pending command whose time is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overdue {
    /// Its device.
    pub device: String,
    /// The command.
    pub command: CommandId,
    /// When its time was over.
    pub expires_at: Timestamp,
}

/// A pending command in the outbox.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The command.
    pub command: Command,
    /// What the device is to open; none once the device was revoked.
    pub sealed: Option<Sealed>,
}

/// A device that asks to be taken in.
pub struct NewDevice {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Passwords will be sealed to this key.
    pub public_key: PublicKey,
    /// Its agent signs with the other half of this key.
    pub signing_key: VerifyingKey,
    /// What its agent told.
    pub told: Told,
    /// When.
    pub at: Timestamp,
}

/// Where devices, commands, policies and the audit trail live.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// A device with its latest command and the one in flight.
    async fn snapshot(&self, device: &str) -> Result<Option<Snapshot>, StoreError>;

    /// Up to `most` devices after the id `after`, in the order of their ids; of one group, or of all.
    async fn devices(
        &self,
        group: Option<&str>,
        after: Option<&str>,
        most: u32,
    ) -> Result<Vec<Snapshot>, StoreError>;

    /// A command, if it is this device's.
    async fn command(&self, device: &str, id: &str) -> Result<Option<Command>, StoreError>;

    /// The latest `most` commands of a device, latest first.
    async fn history(&self, device: &str, most: u32) -> Result<Vec<Command>, StoreError>;

    /// A device's pending commands, oldest first.
    async fn outbox(&self, device: &str) -> Result<Vec<Delivery>, StoreError>;

    /// How many commands are pending.
    async fn pending_commands(&self) -> Result<i64, StoreError>;

    /// Up to `most` pending commands whose time is over at `now`, by when it was, after this one.
    async fn overdue(
        &self,
        now: Timestamp,
        after: Option<&Overdue>,
        most: u32,
    ) -> Result<Vec<Overdue>, StoreError>;

    /// The latest `most` lines about a device, or about the host itself, latest first.
    async fn audit(&self, device: Option<&str>, most: u32) -> Result<Vec<AuditEntry>, StoreError>;

    /// Up to `most` lines of the whole audit trail after the line `after`, oldest first, and the number of the last
    /// line that was ever written.
    async fn audit_lines(&self, after: u64, most: u32)
    -> Result<(Vec<AuditLine>, u64), StoreError>;

    /// What an admin chose of plugins. None: nothing was ever chosen.
    async fn plugin_choice(&self) -> Result<Option<PluginChoice>, StoreError>;

    /// Notes what is chosen now, with its line in the audit trail. `new` is the file of the active
    /// plugin, if it is not kept yet; files that are not chosen any more are dropped.
    async fn choose_plugin(
        &self,
        choice: PluginChoice,
        new: Option<PluginFile>,
        audit: AuditEntry,
    ) -> Result<(), StoreError>;

    /// Forgets what was chosen.
    async fn forget_plugin_choice(&self) -> Result<(), StoreError>;

    /// The file of a chosen plugin.
    async fn plugin_file(&self, digest: &str) -> Result<Option<PluginFile>, StoreError>;

    /// Writes what a call decided, durably, or nothing.
    async fn commit(&self, commit: Commit) -> Result<(), StoreError>;

    /// Notes a single-use token, with the groups that its device will be in.
    async fn add_enrollment_token(
        &self,
        token: TokenDigest,
        groups: Vec<String>,
        expires_at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Takes a device in and spends the token. False: the token is unknown, spent or too old.
    async fn enroll(&self, token: TokenDigest, device: NewDevice) -> Result<bool, StoreError>;

    /// What tells the signatures of this device's agent from others; none if there is no such device, or if it
    /// was revoked.
    async fn agent_key(&self, device: &str) -> Result<Option<VerifyingKey>, StoreError>;

    /// The key by which agents know the host of this store: the one that was named first, for ever.
    async fn host_key(&self, ours: VerifyingKey) -> Result<VerifyingKey, StoreError>;

    /// Whether an admin has a token.
    async fn has_admin_token(&self) -> Result<bool, StoreError>;

    /// Notes an admin's token.
    async fn add_admin_token(&self, token: TokenDigest) -> Result<(), StoreError>;

    /// Takes this as the admin's token, and no other any more.
    async fn replace_admin_tokens(&self, token: TokenDigest) -> Result<(), StoreError>;

    /// Whether this is an admin's token.
    async fn is_admin_token(&self, token: TokenDigest) -> Result<bool, StoreError>;
}
