//! The server's device store, as the host sees it: each commit takes along the audit line, the stored response, and the
//! bulk of its request.

use crate::{
    access::Caller,
    audit::AuditEntry,
    change::Change,
    commits::Commits,
    error::ServerError,
    keys::HostKeys,
    precondition::{Precondition, check_trusted},
    store::Snapshot,
    stored_responses,
};
use mdm_agent_protocol::sealing::{PublicKey, Sealed};
use mdm_contract::{Capabilities, Command, CommandId, time::Timestamp};
use mdm_password_host::{Accepted, Commit, DeviceState, DeviceStore};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The devices of the store.
pub(crate) struct StoredDevices {
    pub(crate) commits: Arc<Commits>,
    pub(crate) keys: Arc<HostKeys>,
}

/// The part of a device in the store that plugins do not see.
#[derive(Clone, Debug)]
pub(crate) struct DeviceRecord {
    pub(crate) capabilities: Capabilities,
    pub(crate) public_key: PublicKey,
    pub(crate) revoked_at: Option<Timestamp>,
    pub(crate) online_until: Option<Timestamp>,
}

/// The context of a request, which the host passes to the store unchanged.
pub(crate) struct RequestContext {
    pub(crate) by: Caller,
    /// The ETags of an If-Match header.
    pub(crate) etags: Option<Vec<String>>,
    /// For the audit trail.
    pub(crate) detail: Option<String>,
    /// The bulk that the command is part of.
    pub(crate) bulk: Option<String>,
    /// The request sends a command, which a revoked device can't get.
    pub(crate) sends: bool,
}

impl RequestContext {
    pub(crate) fn new(by: &Caller) -> Self {
        Self {
            by: by.clone(),
            etags: None,
            detail: None,
            bulk: None,
            sends: false,
        }
    }

    /// The same request, which sends a command and has a precondition.
    pub(crate) fn sends(self, seen: Precondition<'_>) -> Self {
        Self {
            etags: seen.etags.map(<[String]>::to_vec),
            sends: true,
            ..self
        }
    }
}

/// The stored response of a request about one device.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredDecision {
    /// The command that was sent, or that the request was about.
    pub(crate) command: CommandId,
    /// The notice, if a substitute decided in place of the active plugin.
    pub(crate) notice: Option<String>,
}

impl From<Accepted<CommandId>> for StoredDecision {
    fn from(accepted: Accepted<CommandId>) -> Self {
        Self {
            command: accepted.returned,
            notice: accepted.notice,
        }
    }
}

impl From<Snapshot> for DeviceState<DeviceRecord> {
    fn from(snapshot: Snapshot) -> Self {
        Self {
            device: snapshot.device,
            pending: snapshot.pending,
            latest: snapshot.latest,
            version: snapshot.version,
            extra: DeviceRecord {
                capabilities: snapshot.capabilities,
                public_key: snapshot.public_key,
                revoked_at: snapshot.revoked_at,
                online_until: snapshot.online_until,
            },
        }
    }
}

impl DeviceStore for StoredDevices {
    type Extra = DeviceRecord;
    type Context = RequestContext;
    type Error = ServerError;

    async fn load(
        &self,
        device: &str,
        context: &RequestContext,
    ) -> Result<Option<DeviceState<DeviceRecord>>, ServerError> {
        let Some(snapshot) = self.commits.store.snapshot(device).await? else {
            return Ok(None);
        };
        let seen = Precondition::new(device, context.etags.as_deref());
        let snapshot = seen.check(&context.by, snapshot)?;
        if context.sends {
            check_trusted(&snapshot)?;
        }
        Ok(Some(snapshot.into()))
    }

    async fn command(&self, device: &str, command: &str) -> Result<Option<Command>, ServerError> {
        // An agent chooses the id, and not every store accepts this character.
        if command.contains('\0') {
            return Ok(None);
        }
        Ok(self.commits.store.command(device, command).await?)
    }

    async fn commit(
        &self,
        commit: Commit<'_, DeviceRecord>,
        context: &RequestContext,
    ) -> Result<bool, ServerError> {
        let Commit {
            before,
            at,
            effects,
            sealed,
            decision,
        } = commit;
        let entry = AuditEntry {
            device: Some(before.device.id.clone()),
            command: Some(decision.command.clone()),
            detail: detail(context.detail.as_deref(), decision.notice.as_deref()),
            plugin: Some(decision.plugin),
            ..AuditEntry::new(at, &context.by, decision.function.as_str())
        };
        let response = StoredDecision {
            command: decision.command,
            notice: decision.notice,
        };
        let record = stored_responses::record(&self.keys, &context.by, entry, &response)?;
        let mut sealed = sealed;
        let change = |effect| {
            Change::of(effect, |_| {
                let sealed = sealed.take().and_then(|it| Sealed::from_bytes(&it));
                sealed.ok_or(ServerError::NotSealed)
            })
        };
        let changes: Result<Vec<_>, _> = effects.into_iter().map(change).collect();
        let bulk = context.bulk.as_deref();
        self.commits
            .commit(before.into(), at, changes?, Some(record), bulk)
            .await
    }
}

/// The detail of an audit entry: the reason of the request, and the notice about the plugin.
fn detail(reason: Option<&str>, notice: Option<&str>) -> Option<String> {
    match (reason, notice) {
        (Some(reason), Some(notice)) => Some(format!("{reason} ({notice})")),
        (reason, notice) => reason.or(notice).map(str::to_owned),
    }
}
