//! Bulks: one request for all devices of a group. The progress is stored with the commands, so that an interrupted bulk
//! goes on with the devices that have no result yet.

use super::{BulkFailures, BulkProgress, DeviceError, RequestRecord, Snapshot, StoreError};
use crate::{
    access::{Caller, DeviceScope, Permission},
    actor::Actor,
};
use async_trait::async_trait;
use mdm_contract::{Action, Command, CommandId, ResetOptions, time::Timestamp};
use serde::{Deserialize, Serialize};

mdm_contract::text_enum! {
    /// The state of a bulk.
    #[derive(utoipa::ToSchema)]
    BulkState {
        /// It needs the approval of another user.
        WaitingForApproval = "waiting-for-approval",
        /// It starts when its requester downloads the password export.
        WaitingForDownload = "waiting-for-download",
        /// Commands are made.
        Running = "running",
        /// Each device has its command or gets none; some commands are pending.
        WaitingForDevices = "waiting-for-devices",
        /// Every command has its outcome.
        Done = "done",
        /// No more commands are made; earlier ones may be pending.
        Cancelled = "cancelled",
    }
}

/// On which terms the commands of a bulk are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BulkTerms {
    /// Replace pending commands. Otherwise a pending command is a conflict on its device.
    pub replace_pending: bool,
    /// In seconds: after that, a command that was not carried out has expired.
    pub valid_for: Option<u64>,
}

/// A request for all devices of a group.
#[derive(Clone, Debug)]
pub struct Bulk {
    /// Its id: later ones sort after earlier ones.
    pub id: String,
    /// Reset or remove.
    pub action: Action,
    /// The group.
    pub group: String,
    /// The number of devices in the group at the time of the request.
    pub devices: u64,
    /// Each device gets a password of its own, which is stored nowhere.
    pub unique_passwords: bool,
    /// The one password of all, sealed by the host, until the bulk has ended.
    pub sealed_password: Option<Vec<u8>>,
    /// The options of a reset.
    pub options: ResetOptions,
    /// The terms.
    pub terms: BulkTerms,
    /// Why.
    pub reason: Option<String>,
    /// The actor who requested it.
    pub requested_by: Actor,
    /// The responsible actor: the user who requested it, or the owner of the token that did.
    pub principal: Actor,
    /// The address that the request came from.
    pub address: Option<String>,
    /// When.
    pub requested_at: Timestamp,
    /// The actor who approved it.
    pub approved_by: Option<Actor>,
    /// The state.
    pub state: BulkState,
    /// The actor who requested that its pending commands are cancelled, until they are.
    pub cancel_requested_by: Option<Actor>,
    /// When it was done or cancelled: see [`BulkState::has_ended`].
    pub ended_at: Option<Timestamp>,
}

/// A transition of a bulk between two states.
#[derive(Clone, Debug)]
pub struct BulkTransition {
    /// The required current state.
    pub from: BulkState,
    /// The new state.
    pub to: BulkState,
    /// When.
    pub at: Timestamp,
    /// The actor who approved it, if this is the approval.
    pub approved_by: Option<Actor>,
    /// The actor who requested that its pending commands are cancelled.
    pub cancel_requested_by: Option<Actor>,
    /// Requires that no server has the download lease.
    pub if_lease_expired: bool,
}

impl BulkTransition {
    /// A transition without further conditions.
    pub fn new(from: BulkState, to: BulkState, at: Timestamp) -> Self {
        Self {
            from,
            to,
            at,
            approved_by: None,
            cancel_requested_by: None,
            if_lease_expired: false,
        }
    }
}

/// The result of a bulk on one device.
#[derive(Clone, Debug)]
pub struct BulkAnswer {
    /// The device.
    pub device: String,
    /// Its name.
    pub name: String,
    /// The command, or why there is none.
    pub answer: Result<Command, DeviceError>,
}

impl BulkState {
    /// Returns `true` if no more commands are made.
    pub fn is_over(self) -> bool {
        matches!(self, Self::WaitingForDevices | Self::Done | Self::Cancelled)
    }

    /// Returns `true` if the state is final.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Done | Self::Cancelled)
    }
}

impl Bulk {
    /// The caller of its commands: the requester, without other permissions.
    pub fn caller(&self) -> Caller {
        Caller {
            actor: self.requested_by.clone(),
            on_behalf_of: Some(self.principal.clone()),
            address: self.address.as_ref().and_then(|it| it.parse().ok()),
            permissions: [Permission::ChangePassword].into(),
            scope: DeviceScope(Some([self.group.clone()].into())),
            idempotency_key: None,
        }
    }
}

/// The store of bulks and their progress.
#[async_trait]
pub trait Bulks: Send + Sync + 'static {
    /// Stores a new bulk.
    async fn add_bulk(&self, bulk: Bulk, audit: RequestRecord) -> Result<(), StoreError>;

    /// One bulk.
    async fn bulk(&self, id: &str) -> Result<Option<Bulk>, StoreError>;

    /// Up to `limit` bulks within this device scope, before the id `before`, latest first.
    async fn bulks(
        &self,
        scope: &DeviceScope,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Bulk>, StoreError>;

    /// Up to `limit` bulks with work for the runner, oldest first.
    async fn bulks_to_run(&self, limit: u32) -> Result<Vec<Bulk>, StoreError>;

    /// Up to `limit` bulks that wait for devices but have no pending command, oldest first.
    async fn bulks_answered(&self, limit: u32) -> Result<Vec<Bulk>, StoreError>;

    /// Bulks that wait for approval or download, and were requested before this time.
    async fn bulks_waiting(&self, asked_before: Timestamp) -> Result<Vec<Bulk>, StoreError>;

    /// Running bulks with unique passwords whose download lease is free: their download was interrupted. In a store for
    /// a single server, no lease exists.
    async fn bulks_with_expired_lease(&self) -> Result<Vec<Bulk>, StoreError>;

    /// Renews the download lease of a bulk for this many milliseconds, by the store's clock, because servers' clocks
    /// differ.
    async fn renew_lease(&self, id: &str, milliseconds: u32) -> Result<(), StoreError>;

    /// Moves a bulk to another state, and deletes its password at its end. Returns `false` if the bulk is not in the
    /// required state.
    async fn transition_bulk(
        &self,
        id: &str,
        turn: BulkTransition,
        audit: RequestRecord,
    ) -> Result<bool, StoreError>;

    /// Records that the pending commands of a bulk have been cancelled.
    async fn bulk_has_cancelled(&self, id: &str) -> Result<(), StoreError>;

    /// Up to `limit` devices of a bulk's group without a result, after the id `after`, by id.
    async fn bulk_to_do(
        &self,
        bulk: &Bulk,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Snapshot>, StoreError>;

    /// Stores the reason why a device gets no command of a bulk, unless it has one.
    async fn add_device_error(
        &self,
        bulk: &str,
        device: &str,
        why: DeviceError,
    ) -> Result<(), StoreError>;

    /// Up to `limit` results after the device `after`, by the device's id: all, or only failures.
    async fn bulk_answers(
        &self,
        bulk: &str,
        only_failures: bool,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<BulkAnswer>, StoreError>;

    /// Up to `limit` pending commands of a bulk after the device `after`, by the device's id.
    async fn bulk_pending(
        &self,
        bulk: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<(String, CommandId)>, StoreError>;

    /// The progress of a bulk.
    async fn bulk_progress(&self, bulk: &str) -> Result<BulkProgress, StoreError>;

    /// The `limit` most frequent reasons of failures of a bulk.
    async fn bulk_failures(&self, bulk: &str, limit: u32) -> Result<Vec<BulkFailures>, StoreError>;
}
