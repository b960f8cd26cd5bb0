//! Requests about bulks. A bulk is one request for all devices of a group. Its commands are made by `runner`, or by
//! `password_export` if each device gets a unique password.

use crate::{
    access::{Caller, DeviceScope, Forbidden, Permission},
    audit::AuditEntry,
    commands::CommandTerms,
    commits::Commits,
    error::ServerError,
    keys::HostKeys,
    object,
    platform::{PasswordHost, RequestContext},
    request_checks::{check_reason, check_validity},
    sealed,
    store::{
        Bulk, BulkAnswer, BulkFailures, BulkProgress, BulkState, BulkTerms, BulkTransition,
        DeviceFilter, Snapshot, Store,
    },
    stored_responses::StoredResponses,
};
use mdm_contract::{Action, DevicePreview, Refusal, Request, ResetOptions, Verdict, time};
use mdm_password_host::{DeviceState, PreviewRequest, password::Password};
use serde::Deserialize;
use std::sync::Arc;
use tokio::sync::Notify;
use uuid::Uuid;
use zeroize::Zeroizing;

/// Maximum number of failure groups of a bulk.
const MAX_REASONS: u32 = 20;

/// A bulk as an admin asks for it.
#[derive(Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkRequest {
    /// Reset or remove.
    pub action: Action,
    /// For all devices of this group.
    pub group: String,
    /// The new password of all devices.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password)]
    pub password: Option<Password>,
    /// Each device gets a random password of its own instead.
    #[serde(default)]
    pub unique_passwords: bool,
    /// The options of a reset.
    #[serde(default)]
    pub options: ResetOptions,
    /// On which terms.
    #[serde(default, deserialize_with = "object::only")]
    pub terms: BulkTerms,
    /// Why, for the audit trail.
    #[serde(default)]
    pub reason: Option<String>,
    /// The number of devices in the group that the admin has seen. With another number, nothing is started.
    #[serde(skip)]
    pub expected_devices: Option<u64>,
}

impl BulkTerms {
    /// Each of its requests, by this caller.
    pub(super) fn request(
        self,
        by: &Caller,
        options: ResetOptions,
        reason: Option<String>,
    ) -> Request {
        let terms = CommandTerms {
            replaces: None,
            valid_for: self.valid_for,
        };
        terms.request(by, options, reason)
    }
}

/// The bulks: one request for all devices of a group.
pub struct Bulks {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) host: Arc<PasswordHost>,
    pub(crate) keys: Arc<HostKeys>,
    pub(crate) responses: StoredResponses,
    pub(crate) commits: Arc<Commits>,
    /// A bulk of more devices than this needs the approval of another user.
    pub(crate) approve_above: Option<u64>,
    /// Notified when there is something to do for the runner.
    pub(crate) to_run: Notify,
}

impl Bulks {
    /// Wakes the runner.
    pub(crate) fn wake_runner(&self) {
        self.to_run.notify_one();
    }

    /// Requests a bulk. It starts by itself, unless it needs approval, or waits for the download of its passwords.
    pub async fn start(&self, by: &Caller, request: BulkRequest) -> Result<Bulk, ServerError> {
        by.check_group(&request.group)?;
        check_reason(request.reason.as_deref(), request.password.as_ref())?;
        check_passwords(&request)?;
        check_validity(request.terms.valid_for)?;
        let id = self.responses.once(by, self.add_bulk(by, request)).await?;
        self.get(by, &id).await
    }

    async fn add_bulk(&self, by: &Caller, request: BulkRequest) -> Result<String, ServerError> {
        let devices = self.group_size(&request.group).await?;
        if request.expected_devices.is_some_and(|it| it != devices) {
            return Err(ServerError::GroupChanged(request.group));
        }
        self.check_on_one_device(by, &request).await?;
        let id = Uuid::now_v7().to_string();
        let password = request.password.as_ref();
        let seal = |it: &Password| sealed::seal(&self.keys.bulk_key(), &id, it.expose().as_bytes());
        let at = time::now();
        let state = match self.approve_above {
            Some(limit) if devices > limit => BulkState::WaitingForApproval,
            _ if request.unique_passwords => BulkState::WaitingForDownload,
            _ => BulkState::Running,
        };
        let bulk = Bulk {
            sealed_password: password.map(seal).transpose()?,
            action: request.action,
            group: request.group,
            devices,
            unique_passwords: request.unique_passwords,
            options: request.options,
            terms: request.terms,
            reason: request.reason,
            requested_by: by.actor.clone(),
            principal: by.principal().clone(),
            address: by.address.map(|it| it.to_string()),
            requested_at: at,
            approved_by: None,
            state,
            cancel_requested_by: None,
            ended_at: None,
            id,
        };
        let audit = audit(&bulk, by, "start-bulk");
        let audit = self.responses.record(by, audit, &bulk.id)?;
        let id = bulk.id.clone();
        self.store.add_bulk(bulk, audit).await?;
        self.changed(&id);
        Ok(id)
    }

    /// Approves another user's bulk. Only users can approve.
    pub async fn approve(&self, by: &Caller, id: &str) -> Result<Bulk, ServerError> {
        by.check(Permission::Approve)?;
        self.responses
            .once(by, self.record_approval(by, id))
            .await?;
        self.get(by, id).await
    }

    async fn record_approval(&self, by: &Caller, id: &str) -> Result<(), ServerError> {
        let bulk = self.get(by, id).await?;
        by.check_approval(&bulk.principal)?;
        if bulk.state == BulkState::WaitingForApproval {
            self.check_requester(&bulk).await?;
        }
        let to = match bulk.unique_passwords {
            true => BulkState::WaitingForDownload,
            false => BulkState::Running,
        };
        let turn = BulkTransition {
            approved_by: Some(by.actor.clone()),
            ..BulkTransition::new(BulkState::WaitingForApproval, to, time::now())
        };
        self.turn(by, &bulk, turn, ("approve-bulk", "approved"))
            .await
    }

    /// Cancels a bulk: it makes no more commands and, if requested, its pending commands are cancelled. They are always
    /// cancelled during a password export, because some passwords may not have been delivered. Errors if there is
    /// nothing to cancel.
    pub async fn cancel(
        &self,
        by: &Caller,
        id: &str,
        also_commands: bool,
    ) -> Result<Bulk, ServerError> {
        self.responses
            .once(by, self.end_by_admin(by, id, also_commands))
            .await?;
        self.get(by, id).await
    }

    async fn end_by_admin(
        &self,
        by: &Caller,
        id: &str,
        also_commands: bool,
    ) -> Result<(), ServerError> {
        loop {
            let bulk = self.get(by, id).await?;
            let is_nothing_left = match bulk.state {
                BulkState::Done => true,
                state => state.is_over() && !also_commands,
            };
            if is_nothing_left {
                let wanted = match bulk.state {
                    BulkState::WaitingForDevices => "cancelled without its pending commands",
                    _ => "cancelled",
                };
                return Err(elsewhere(&bulk, wanted));
            }
            let breaks_off = bulk.state == BulkState::Running && bulk.unique_passwords;
            let turn = BulkTransition {
                cancel_requested_by: (also_commands || breaks_off).then(|| by.actor.clone()),
                ..BulkTransition::new(bulk.state, BulkState::Cancelled, time::now())
            };
            let words = ("cancel-bulk", "cancelled");
            match self.turn(by, &bulk, turn, words).await {
                // The bulk moved on meanwhile; there are few states to go.
                Err(ServerError::BulkState { .. }) => {}
                turned => return turned,
            }
        }
    }

    /// One bulk.
    pub async fn get(&self, by: &Caller, id: &str) -> Result<Bulk, ServerError> {
        let bulk = self.store.bulk(id).await?;
        let bulk = bulk.ok_or_else(|| ServerError::UnknownBulk(id.to_owned()))?;
        by.check_group(&bulk.group)?;
        Ok(bulk)
    }

    /// Up to `limit` bulks before this one, latest first, within the caller's device scope.
    pub async fn list(
        &self,
        by: &Caller,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Bulk>, ServerError> {
        Ok(self.store.bulks(&by.scope, before, limit).await?)
    }

    /// The progress of a bulk.
    pub async fn progress(&self, bulk: &Bulk) -> Result<BulkProgress, ServerError> {
        Ok(self.store.bulk_progress(&bulk.id).await?)
    }

    /// The most frequent reasons of failures of a bulk.
    pub async fn failures(&self, bulk: &Bulk) -> Result<Vec<BulkFailures>, ServerError> {
        Ok(self.store.bulk_failures(&bulk.id, MAX_REASONS).await?)
    }

    /// Up to `limit` results of a bulk after this device: all, or only failures.
    pub async fn answers(
        &self,
        by: &Caller,
        id: &str,
        only_failures: bool,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<BulkAnswer>, ServerError> {
        self.get(by, id).await?;
        Ok(self
            .store
            .bulk_answers(id, only_failures, after, limit)
            .await?)
    }

    /// Returns `true` if a bulk of this many devices needs the approval of another user.
    pub fn needs_approval(&self, devices: u64) -> bool {
        self.approve_above.is_some_and(|limit| devices > limit)
    }

    /// Moves a bulk to another state, with its line in the audit trail.
    pub(super) async fn turn(
        &self,
        by: &Caller,
        bulk: &Bulk,
        turn: BulkTransition,
        words: (&str, &'static str),
    ) -> Result<(), ServerError> {
        self.turn_because(by, bulk, turn, words, None).await
    }

    /// The same, with a reason in the audit trail.
    pub(super) async fn turn_because(
        &self,
        by: &Caller,
        bulk: &Bulk,
        turn: BulkTransition,
        (action, wanted): (&str, &'static str),
        why: Option<&Forbidden>,
    ) -> Result<(), ServerError> {
        let mut line = audit(bulk, by, action);
        if let (Some(detail), Some(why)) = (&mut line.detail, why) {
            detail.push_str(&format!("; {why}"));
        }
        let audit = self.responses.record(by, line, &())?;
        if !self.store.transition_bulk(&bulk.id, turn, audit).await? {
            let now = self.get(by, &bulk.id).await?;
            return Err(elsewhere(&now, wanted));
        }
        self.changed(&bulk.id);
        Ok(())
    }

    /// The shared password of a bulk.
    pub(super) fn password(&self, bulk: &Bulk) -> Result<Option<Password>, ServerError> {
        let Some(sealed) = &bulk.sealed_password else {
            return Ok(None);
        };
        let opened = sealed::open(&self.keys.bulk_key(), &bulk.id, sealed)?;
        let text = String::from_utf8_lossy(&opened).into_owned();
        Ok(Some(Password::new(Zeroizing::new(text))))
    }

    /// Wakes the runner and the observers.
    fn changed(&self, bulk: &str) {
        self.wake_runner();
        self.commits.changes.changed(bulk);
    }

    /// Previews the bulk on the first device, so that an unacceptable password is refused at once.
    async fn check_on_one_device(
        &self,
        by: &Caller,
        request: &BulkRequest,
    ) -> Result<(), ServerError> {
        let first = self.group_devices(&request.group, 1).await?;
        let first = first.first();
        let first = first.ok_or_else(|| ServerError::UnknownGroup(request.group.clone()))?;
        match self.preview_device(by, request, first).await?.verdict {
            Verdict::WouldBeRefused(
                refusal @ (Refusal::PasswordRefused(_) | Refusal::BadValidity),
            ) => Err(ServerError::Refused(refusal)),
            _ => Ok(()),
        }
    }

    /// The number of devices in a group.
    pub(super) async fn group_size(&self, group: &str) -> Result<u64, ServerError> {
        let summary = self
            .store
            .summary(&DeviceScope::ALL, &of_group(group))
            .await?;
        Ok(summary.devices)
    }

    /// The first devices of a group.
    pub(super) async fn group_devices(
        &self,
        group: &str,
        limit: u32,
    ) -> Result<Vec<Snapshot>, ServerError> {
        let filter = of_group(group);
        Ok(self
            .store
            .devices(&DeviceScope::ALL, &filter, None, limit)
            .await?)
    }

    /// Previews a bulk on one device.
    pub(super) async fn preview_device(
        &self,
        by: &Caller,
        bulk: &BulkRequest,
        snapshot: &Snapshot,
    ) -> Result<DevicePreview, ServerError> {
        let request = bulk.terms.request(by, bulk.options, bulk.reason.clone());
        let preview = PreviewRequest {
            action: bulk.action,
            password: bulk.password.clone(),
            request,
            replaces_pending: bulk.terms.replace_pending,
        };
        let state = DeviceState::from(snapshot.clone());
        let context = RequestContext::new(&Caller::host());
        Ok(self.host.preview(&state, preview, &context).await?)
    }
}

fn of_group(group: &str) -> DeviceFilter {
    DeviceFilter {
        group: Some(group.to_owned()),
        ..DeviceFilter::default()
    }
}

fn check_passwords(request: &BulkRequest) -> Result<(), ServerError> {
    let text = match (request.action, &request.password, request.unique_passwords) {
        (Action::Reset, Some(_), false)
        | (Action::Reset, None, true)
        | (Action::Remove, None, false) => return Ok(()),
        (Action::Reset, ..) => {
            "name one password for all devices, or ask for unique passwords, and not both"
        }
        (Action::Remove, ..) => "a remove has no password",
    };
    Err(ServerError::BadRequest(text.into()))
}

fn elsewhere(bulk: &Bulk, wanted: &'static str) -> ServerError {
    ServerError::BulkState {
        bulk: bulk.id.clone(),
        state: bulk.state,
        wanted,
    }
}

fn audit(bulk: &Bulk, by: &Caller, action: &str) -> AuditEntry {
    let reason = bulk.reason.as_ref();
    let reason = reason.map_or(String::new(), |reason| format!(": {reason}"));
    AuditEntry {
        detail: Some(format!(
            "bulk {}: {} of {} devices of group {}{reason}",
            bulk.id, bulk.action, bulk.devices, bulk.group
        )),
        ..AuditEntry::new(time::now(), by, action)
    }
}
