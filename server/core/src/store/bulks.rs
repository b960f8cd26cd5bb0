//! Bulks: one request for all devices of a group. What it made is kept with the commands themselves, so a bulk that
//! was interrupted goes on with the devices that have no answer yet.

use super::{BulkFailures, BulkProgress, DeviceError, RequestRecord, Snapshot, StoreError};
use crate::{
    access::{Caller, DeviceScope, Permission},
    actor::Actor,
};
use async_trait::async_trait;
use mdm_contract::{
    decisions::Command,
    time::Timestamp,
    types::{Action, CommandId, ResetOptions},
};
use serde::{Deserialize, Serialize};

mdm_contract::text_enum! {
    /// Where a bulk stands.
    #[derive(utoipa::ToSchema)]
    BulkState {
        /// Somebody else has to approve it.
        WaitingForApproval = "waiting-for-approval",
        /// It begins when the one who asked for it downloads the password export of its passwords.
        WaitingForDownload = "waiting-for-download",
        /// Commands are made.
        Running = "running",
        /// Each device has its command, or is known to get none; some commands are pending.
        WaitingForDevices = "waiting-for-devices",
        /// Every command has its outcome.
        Done = "done",
        /// No more commands are made; those that were made may be pending.
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
    /// Of which group.
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

/// A bulk goes from one state to another.
#[derive(Clone, Debug)]
pub struct BulkTransition {
    /// Only if it stands here.
    pub from: BulkState,
    /// From now on it stands here.
    pub to: BulkState,
    /// When.
    pub at: Timestamp,
    /// The actor who approved it, if this is the approval.
    pub approved_by: Option<Actor>,
    /// The actor who requested that its pending commands are cancelled.
    pub cancel_requested_by: Option<Actor>,
    /// Only if no host holds its download.
    pub if_lease_expired: bool,
}

impl BulkTransition {
    /// A turn of which there is no more to say.
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
    /// Its commands are asked for by whoever asked for it, who may do nothing else by it.
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

/// Bulks, and what they made.
#[async_trait]
pub trait Bulks: Send + Sync + 'static {
    /// Makes a bulk.
    async fn add_bulk(&self, bulk: Bulk, audit: RequestRecord) -> Result<(), StoreError>;

    /// One bulk.
    async fn bulk(&self, id: &str) -> Result<Option<Bulk>, StoreError>;

    /// Up to `most` bulks of groups within this reach, before the id `before`, latest first.
    async fn bulks(
        &self,
        scope: &DeviceScope,
        before: Option<&str>,
        most: u32,
    ) -> Result<Vec<Bulk>, StoreError>;

    /// Up to `most` bulks that have something to do by themselves, oldest first.
    async fn bulks_to_run(&self, most: u32) -> Result<Vec<Bulk>, StoreError>;

    /// Up to `most` bulks that wait for devices and have no pending command any more, oldest first.
    async fn bulks_answered(&self, most: u32) -> Result<Vec<Bulk>, StoreError>;

    /// Those that wait for somebody, and were asked for before this time.
    async fn bulks_waiting(&self, asked_before: Timestamp) -> Result<Vec<Bulk>, StoreError>;

    /// Those with unique passwords that are running, and that no host holds: nobody downloads their password exports
    /// any more. A store that has one host knows of none that holds them.
    async fn bulks_with_expired_lease(&self) -> Result<Vec<Bulk>, StoreError>;

    /// Somebody downloads the password export of a bulk from this host, for so many milliseconds at least: by the
    /// store's clock, as those of hosts differ.
    async fn renew_lease(&self, id: &str, milliseconds: u32) -> Result<(), StoreError>;

    /// Lets a bulk go on. Once it is over, its password is forgotten. False: it does not stand where the turn
    /// begins.
    async fn transition_bulk(
        &self,
        id: &str,
        turn: BulkTransition,
        audit: RequestRecord,
    ) -> Result<bool, StoreError>;

    /// Notes that the pending commands of a bulk have been cancelled.
    async fn bulk_has_cancelled(&self, id: &str) -> Result<(), StoreError>;

    /// Up to `most` devices of a bulk's group after the id `after` that have no answer of it yet, by id.
    async fn bulk_to_do(
        &self,
        bulk: &Bulk,
        after: Option<&str>,
        most: u32,
    ) -> Result<Vec<Snapshot>, StoreError>;

    /// Notes why a device has no command of a bulk, unless it has one.
    async fn add_device_error(
        &self,
        bulk: &str,
        device: &str,
        why: DeviceError,
    ) -> Result<(), StoreError>;

    /// Up to `most` answers after the device `after`, by the device's id: all, or of those where it came to
    /// nothing.
    async fn bulk_answers(
        &self,
        bulk: &str,
        only_failures: bool,
        after: Option<&str>,
        most: u32,
    ) -> Result<Vec<BulkAnswer>, StoreError>;

    /// Up to `most` pending commands of a bulk after the device `after`, by the device's id.
    async fn bulk_pending(
        &self,
        bulk: &str,
        after: Option<&str>,
        most: u32,
    ) -> Result<Vec<(String, CommandId)>, StoreError>;

    /// The progress of a bulk.
    async fn bulk_progress(&self, bulk: &str) -> Result<BulkProgress, StoreError>;

    /// The `most` frequent reasons of failures of a bulk.
    async fn bulk_failures(&self, bulk: &str, most: u32) -> Result<Vec<BulkFailures>, StoreError>;
}
