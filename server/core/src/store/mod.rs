//! The store: devices, commands, the outbox, policies, the audit trail, users and tokens.
//!
//! A request reads a [`Snapshot`] and writes one [`Commit`], guarded by the device's version. Nothing else writes to a
//! device, so any database with compare-and-set can be a store.

mod accounts;
mod agent_keys;
mod audit_trail;
pub mod bulk_progress;
mod bulks;
mod devices;
mod enrollment;
mod fleet;
mod idempotency;
mod lifecycle;
mod plugin_choices;
mod probe;
mod replicas;
mod restores;
pub mod schema;
pub mod sql;
mod status_kind;
mod tokens;
mod wake_ups;
mod webhooks;

pub use accounts::{Accounts, NewInvitation, Session, User, UserChange, totp_cleared};
pub use agent_keys::{AgentKey, AgentKeys};
pub use audit_trail::{AuditFilter, AuditTrail};
pub use bulk_progress::{BulkFailures, BulkProgress, DeviceError};
pub use bulks::{Bulk, BulkAnswer, BulkState, BulkTerms, BulkTransition, Bulks};
pub use devices::{Commit, Delivery, Devices, Overdue, PendingCommands, Snapshot};
pub use enrollment::{Enrollment, NewDevice};
pub use fleet::{DeviceFilter, Fleet, FleetSummary, Group, search_text};
pub use idempotency::{
    EXPIRED_PER_INSERT, IdempotencyKeys, RESPONSE_RETENTION, RequestRecord, StoredResponse,
};
pub use lifecycle::Lifecycle;
pub use plugin_choices::{ChosenPlugin, PluginChoice, PluginChoices, PluginFile};
pub use probe::Probe;
pub use replicas::{CallCount, Changes, Lead, NotTaken, ReplicaEvent, Replicas};
pub use restores::{RestoreState, Restores};
pub use status_kind::StatusKind;
pub use tokens::{ApiToken, TokenChange, Tokens, not_made, token_ended};
pub use wake_ups::{FIRST_PAUSE, MAX_BACKOFF, WakeUps};
pub use webhooks::{Attempt, AttemptResult, Progress, Webhook, WebhookState, Webhooks};

use std::sync::Arc;

/// The error of a store. Nothing was written, except perhaps with `Failed`.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The device has changed since the snapshot was taken. Take another and decide again.
    #[error("the device was changed by someone else at the same time")]
    Conflict,
    /// The bulk that a command was to be part of is not running.
    #[error("the bulk is cancelled: it makes no further commands")]
    BulkOver,
    /// The device has a command of the bulk already.
    #[error("the device has a command of this bulk already")]
    BulkAnswered,
    /// There is a response under the idempotency key of the request: another request with it was committed first.
    #[error(
        "another request with the same Idempotency-Key was executed at the same time: send it again"
    )]
    IdempotencyKeyTaken,
    /// A device would have two pending commands.
    #[error(
        "device {0} has a pending command, and a device has one at most: nothing was written. Cancel or replace it"
    )]
    CommandPending(String),
    /// The store is overloaded, but works.
    #[error("the store is busy: {0}. Try again in a moment")]
    Busy(Busy),
    /// Another replica is the leader, so this write as the leader was refused.
    #[error("another replica leads now, and continues the work of this one")]
    NotLeader,
    /// The tables are from a newer version of the server.
    #[error(
        "the database has schema version {schema_version}, and this server knows versions up to {known}: run a newer server"
    )]
    NewerSchema {
        /// Which form they have.
        schema_version: i64,
        /// The newest form that this host knows.
        known: usize,
    },
    /// The tables are not those that this version makes.
    #[error(
        "the tables of the database are not those that this version makes: {0}. Start the version that made them, restore \
         a backup that this version made, or begin with a new and empty database"
    )]
    OtherSchema(String),
    /// The database failed. The write may have been committed, if only the response to the commit was lost: read the
    /// state before a retry.
    #[error("the store failed: {0}. Check the database and its disk, then try again")]
    Failed(String),
}

/// The reason why a store is busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Busy {
    /// All connections to the database are in use.
    #[error("all {0} connections to the database are in use")]
    Connections(usize),
    /// Another transaction holds a lock.
    #[error("another transaction holds a lock that this one needs")]
    Locked,
}

impl Busy {
    fn in_public(self) -> &'static str {
        match self {
            Self::Connections(_) => "the store is busy: all connections to the database are in use",
            Self::Locked => "the store is busy: another transaction holds its lock",
        }
    }
}

/// A store that several replicas may share.
pub trait Shared: Send + Sync + 'static {
    /// The communication between replicas. `None` if the store has one server.
    fn replicas(&self) -> Option<Arc<dyn Replicas>>;
}

impl StoreError {
    /// The error for outsiders: without address, name or path.
    pub fn in_public(&self) -> &'static str {
        match self {
            Self::Failed(_) => "the store can't be read or written: the host's log says why",
            Self::NewerSchema { .. } => "the database is that of a newer server",
            Self::OtherSchema(_) => {
                "the tables of the database are not those of this version: the host's log says which differ"
            }
            Self::Busy(busy) => busy.in_public(),
            Self::Conflict
            | Self::BulkOver
            | Self::BulkAnswered
            | Self::IdempotencyKeyTaken
            | Self::CommandPending(_)
            | Self::NotLeader => "the store is in use",
        }
    }
}

/// All parts of a server's store.
pub trait Store:
    Accounts
    + AgentKeys
    + AuditTrail
    + Bulks
    + Devices
    + Enrollment
    + Fleet
    + IdempotencyKeys
    + Lifecycle
    + PluginChoices
    + Probe
    + Restores
    + Shared
    + Tokens
    + WakeUps
    + Webhooks
{
}

impl<S> Store for S where
    S: Accounts
        + AgentKeys
        + AuditTrail
        + Bulks
        + Devices
        + Enrollment
        + Fleet
        + IdempotencyKeys
        + Lifecycle
        + PluginChoices
        + Probe
        + Restores
        + Shared
        + Tokens
        + WakeUps
        + Webhooks
{
}
