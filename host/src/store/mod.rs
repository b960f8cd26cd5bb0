//! The store: devices, commands, the outbox, policies, the audit trail, and who may call.
//!
//! A call reads a [`Snapshot`] and writes one [`Commit`], guarded by the device's version. Nothing
//! else writes to a device, so any database that can compare and set can be a store.

mod accounts;
mod audit_trail;
mod bulks;
mod devices;
mod enrollment;
mod fleet;
mod idempotency;
mod plugin_choices;
mod probe;
mod sqlite;
mod webhooks;

pub use accounts::{Accounts, ApiToken, Session, User, UserChange};
pub use audit_trail::{AuditFilter, AuditTrail};
pub use bulks::{
    Bulk, BulkAnswer, BulkFailures, BulkProgress, BulkState, BulkTerms, BulkTurn, Bulks, NoCommand,
};
pub use devices::{Commit, Delivery, Devices, Overdue, Snapshot};
pub use enrollment::{Enrollment, NewDevice};
pub use fleet::{DeviceFilter, Fleet, FleetSummary, Group, StatusWord};
pub use idempotency::{Begun, Idempotency, KeyTimes, KeyedCall};
pub use plugin_choices::{ChosenPlugin, PluginChoice, PluginChoices, PluginFile};
pub use probe::Probe;
pub use sqlite::SqliteStore;
pub use webhooks::{Attempt, AttemptResult, Progress, Webhook, WebhookState, Webhooks};

/// Why the store did not do as it was asked. Nothing was written then.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The device has changed since the snapshot was taken. Take another and decide again.
    #[error("the device was changed by someone else at the same time")]
    Conflict,
    /// The bulk that a command was to be part of is not running.
    #[error("the bulk was cancelled: no more commands of it are made")]
    BulkOver,
    /// The device has a command of the bulk already.
    #[error("the device has a command of this bulk already, and gets no second one")]
    BulkAnswered,
    /// The database refused or failed.
    #[error("the store failed: {0}. Check the disk and the database file, then try again")]
    Failed(String),
}

impl StoreError {
    /// What strangers may hear of it: no address, no name, no path.
    pub fn in_public(&self) -> &'static str {
        match self {
            Self::Failed(_) => "the store can't be read or written: the host's log says why",
            Self::Conflict | Self::BulkOver | Self::BulkAnswered => "the store is in use",
        }
    }
}

/// All that a host keeps.
pub trait Store:
    Accounts
    + AuditTrail
    + Bulks
    + Devices
    + Enrollment
    + Fleet
    + Idempotency
    + PluginChoices
    + Probe
    + Webhooks
{
}

impl<S> Store for S where
    S: Accounts
        + AuditTrail
        + Bulks
        + Devices
        + Enrollment
        + Fleet
        + Idempotency
        + PluginChoices
        + Probe
        + Probe
        + Webhooks
{
}
