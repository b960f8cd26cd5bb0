//! A store of one device, in memory, so that no input affects the next. It panics if the server breaks a law of the
//! design.

use crate::Situation;
use async_trait::async_trait;
use mdm_agent_protocol::{sealing::Sealed, signing_key::VerifyingKey, sync::MAX_VERSION_LENGTH};
use mdm_contract::{
    Command, DeviceFailure, Outcome, Status,
    time::{END_OF_CALENDAR, Timestamp},
};
use mdm_server_core::{
    access::{DeviceScope, Permission, Role},
    audit::{AuditEntry, AuditLine, Chain},
    change::Change,
    event::Event,
    store::{
        Accounts, AgentKey, AgentKeys, ApiToken, Attempt, AuditFilter, AuditTrail, Bulk,
        BulkAnswer, BulkFailures, BulkProgress, BulkTransition, Bulks, Commit, Delivery,
        DeviceError, DeviceFilter, Devices, Enrollment, Fleet, FleetSummary, Group,
        IdempotencyKeys, Lifecycle, NewDevice, NewInvitation, Overdue, PendingCommands,
        PluginChoice, PluginChoices, PluginFile, Probe, Progress, Replicas, RequestRecord,
        RestoreState, Restores, Session, Shared, Snapshot, StoreError, StoredResponse, TokenChange,
        Tokens, User, UserChange, WakeUps, Webhook, WebhookState, Webhooks,
    },
    token::TokenDigest,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Result<T> = std::result::Result<T, StoreError>;

/// A store of one device.
pub struct OneDevice(Mutex<State>);

struct State {
    snapshot: Snapshot,
    /// Oldest first; each with its sealed password, until it has its outcome.
    commands: Vec<(Command, Option<Sealed>)>,
    audit: Vec<AuditEntry>,
}

impl OneDevice {
    /// A store of a device in this situation.
    pub fn new(situation: Situation) -> Self {
        Self(Mutex::new(situation.into()))
    }

    /// Puts the device into this situation.
    pub fn begin(&self, situation: Situation) {
        *self.lock() = situation.into();
    }

    /// The device's commands, oldest first.
    pub fn commands(&self) -> Vec<Command> {
        let state = self.lock();
        state.commands.iter().map(|(it, _)| it.clone()).collect()
    }

    /// All that it holds, as text.
    pub fn dump(&self) -> String {
        let State {
            snapshot,
            commands,
            audit,
        } = &*self.lock();
        format!("{snapshot:?} {commands:?} {audit:?}")
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Situation> for State {
    fn from(situation: Situation) -> Self {
        let Situation { snapshot, commands } = situation;
        Self {
            snapshot,
            commands: commands.into_iter().map(|it| (it, None)).collect(),
            audit: Vec::new(),
        }
    }
}

impl State {
    fn snapshot(&self) -> Snapshot {
        let commands = || self.commands.iter().rev().map(|(command, _)| command);
        Snapshot {
            pending: commands().find(|it| it.status == Status::Pending).cloned(),
            latest: commands().next().cloned(),
            ..self.snapshot.clone()
        }
    }

    fn is(&self, device: &str) -> bool {
        self.snapshot.device.id == device
    }

    fn command(&mut self, id: &str) -> &mut (Command, Option<Sealed>) {
        let mut commands = self.commands.iter_mut();
        let found = commands.find(|(command, _)| command.id == id);
        found.expect("law 4: a change is about a command of this device")
    }

    fn apply(&mut self, at: Timestamp, change: Change) {
        match change {
            Change::Send { command, sealed } => {
                assert_eq!(command.status, Status::Pending);
                assert!(self.commands.iter().all(|(it, _)| it.id != command.id));
                let is_pending = |(it, _): &(Command, _)| it.status == Status::Pending;
                assert!(!self.commands.iter().any(is_pending), "one in flight");
                let end = command.expires_at.unwrap_or(at + 1);
                assert!(end > at && end < END_OF_CALENDAR, "an expiry is to come");
                assert!(sealed.is_some(), "law 5: it is sealed");
                self.commands.push((command, sealed));
            }
            Change::Complete { command, outcome } => {
                if let Outcome::Failed(failure) = &outcome {
                    assert_short(failure.text());
                }
                let (command, sealed) = self.command(&command);
                assert_eq!(command.status, Status::Pending, "law 6: one outcome");
                command.status = outcome.into();
                command.completed_at = Some(at);
                *sealed = None;
            }
            Change::KeepLateOutcome { command, outcome } => {
                assert_short(outcome.text());
                let (command, _) = self.command(&command);
                assert_ne!(command.status, Status::Pending, "it is late");
                command.late_outcome = Some(outcome);
            }
            Change::SetPolicyOverride(policy_override) => {
                if let Some(by) = &policy_override {
                    self.command(&by.command);
                }
                self.snapshot.device.policy_override = policy_override;
            }
            Change::SetPolicy(policy) => self.snapshot.device.policy = policy,
            Change::RotateKeys { .. } => panic!("no target changes the keys"),
            Change::Revoke => {
                self.snapshot.revoked_at = Some(at);
                self.commands.iter_mut().for_each(|(_, it)| *it = None);
            }
            Change::SetDeviceInfo(device_info) => {
                assert!(
                    device_info.agent_version.len() <= MAX_VERSION_LENGTH,
                    "it is cut"
                );
                let device = &mut self.snapshot.device;
                device.api_level = device_info.api_level;
                device.agent_version = device_info.agent_version;
                device.management_mode = device_info.management_mode;
                device.managed_profile = device_info.managed_profile;
                device.condition = device_info.condition;
                device.last_sync = at;
            }
        }
    }
}

/// Asserts the limit of a text: every later call about the device reads it.
fn assert_short(text: Option<&str>) {
    assert!(text.unwrap_or_default().len() <= DeviceFailure::MAX_TEXT_BYTES);
}

#[async_trait]
impl Probe for OneDevice {
    async fn check_schema(&self) -> Result<()> {
        Ok(())
    }

    async fn probe(&self) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl Devices for OneDevice {
    async fn snapshot(&self, device: &str) -> Result<Option<Snapshot>> {
        let state = self.lock();
        Ok(state.is(device).then(|| state.snapshot()))
    }

    async fn command(&self, device: &str, id: &str) -> Result<Option<Command>> {
        let state = self.lock();
        let mut commands = state.commands.iter().map(|(command, _)| command);
        let found = commands.find(|command| command.id == id && state.is(device));
        Ok(found.cloned())
    }

    async fn history(&self, _device: &str, limit: u32) -> Result<Vec<Command>> {
        let mut commands = self.commands();
        commands.reverse();
        commands.truncate(limit as usize);
        Ok(commands)
    }

    async fn outbox(&self, _device: &str) -> Result<Vec<Delivery>> {
        let state = self.lock();
        let pending = state.commands.iter();
        let pending = pending.filter(|(command, _)| command.status == Status::Pending);
        let delivery = |(command, sealed): &(Command, Option<Sealed>)| Delivery {
            is_held: false,
            command: command.clone(),
            sealed: sealed.clone(),
        };
        Ok(pending.map(delivery).collect())
    }

    async fn pending_commands(&self) -> Result<PendingCommands> {
        Ok(PendingCommands::default())
    }

    async fn overdue(&self, _: Timestamp, _: Option<&Overdue>, _: u32) -> Result<Vec<Overdue>> {
        Ok(Vec::new())
    }

    async fn commit(&self, commit: Commit) -> Result<()> {
        let mut state = self.lock();
        assert!(state.is(&commit.device), "law 4: a call sees one device");
        if commit.version != state.snapshot.version {
            return Err(StoreError::Conflict);
        }
        state.snapshot.version += 1;
        for change in commit.changes {
            state.apply(commit.at, change);
        }
        state.audit.extend(commit.audit.map(|it| it.entry));
        Ok(())
    }
}

#[async_trait]
impl Fleet for OneDevice {
    async fn devices(
        &self,
        scope: &DeviceScope,
        filter: &DeviceFilter,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Snapshot>> {
        let snapshot = self.lock().snapshot();
        let groups = &snapshot.device.groups;
        let is_in = filter.group.as_ref().is_none_or(|it| groups.contains(it));
        let is_after = after.is_none_or(|after| snapshot.device.id.as_str() > after);
        let is_wanted = scope.includes(groups) && is_in && is_after && limit > 0;
        Ok(is_wanted.then_some(snapshot).into_iter().collect())
    }

    async fn summary(&self, scope: &DeviceScope, filter: &DeviceFilter) -> Result<FleetSummary> {
        let devices = self.devices(scope, filter, None, 1).await?;
        Ok(FleetSummary {
            devices: devices.len() as u64,
            ..FleetSummary::default()
        })
    }

    async fn groups(&self, _: &DeviceScope) -> Result<Vec<Group>> {
        let groups = self.lock().snapshot().device.groups;
        let group = |name| Group { name, devices: 1 };
        Ok(groups.into_iter().map(group).collect())
    }
}

#[async_trait]
impl AuditTrail for OneDevice {
    async fn append_audit(&self, entries: Vec<AuditEntry>) -> Result<()> {
        self.lock().audit.extend(entries);
        Ok(())
    }

    async fn audit(
        &self,
        filter: &AuditFilter,
        _: Option<u64>,
        limit: u32,
    ) -> Result<Vec<AuditLine>> {
        let state = self.lock();
        let mut chain = Chain::default();
        let mut lines = Vec::new();
        for entry in &state.audit {
            let line = chain.next(entry.clone());
            chain = Chain {
                number: line.number,
                digest: line.digest,
            };
            lines.push(line);
        }
        lines.reverse();
        lines.retain(|line| filter.device.is_none() || line.entry.device == filter.device);
        lines.truncate(limit as usize);
        Ok(lines)
    }

    async fn audit_lines(&self, _after: u64, _most: u32) -> Result<(Vec<AuditLine>, u64)> {
        Ok((Vec::new(), 0))
    }
}

#[async_trait]
impl IdempotencyKeys for OneDevice {
    async fn stored_response(&self, _: &str, key: &str) -> Result<Option<StoredResponse>> {
        assert!((1..=255).contains(&key.len()) && key.bytes().all(|it| it.is_ascii_graphic()));
        Ok(None)
    }

    async fn store_response(&self, _: StoredResponse) -> Result<()> {
        Ok(())
    }

    async fn delete_responses(&self, _: Timestamp, _: u32) -> Result<u64> {
        Ok(0)
    }
}

#[async_trait]
impl PluginChoices for OneDevice {
    async fn plugin_choice(&self) -> Result<Option<PluginChoice>> {
        Ok(None)
    }

    async fn choose_plugin(
        &self,
        _: PluginChoice,
        _: Option<PluginFile>,
        _: RequestRecord,
    ) -> Result<()> {
        panic!("no plugin that a stranger sends is used here")
    }

    async fn forget_plugin_choice(&self) -> Result<()> {
        Ok(())
    }

    async fn plugin_file(&self, _digest: &str) -> Result<Option<PluginFile>> {
        Ok(None)
    }
}

#[async_trait]
impl AgentKeys for OneDevice {
    async fn agent_key(&self, device: &str) -> Result<Option<AgentKey>> {
        let state = self.lock();
        Ok(state.is(device).then(|| AgentKey {
            key: state.snapshot.signing_key.clone(),
            is_revoked: state.snapshot.revoked_at.is_some(),
        }))
    }
}

#[async_trait]
impl Enrollment for OneDevice {
    async fn add_enrollment_token(
        &self,
        _: TokenDigest,
        groups: Vec<String>,
        expires_at: Timestamp,
        _: RequestRecord,
    ) -> Result<()> {
        assert!(groups.len() <= 32 && groups.iter().all(|it| (1..=64).contains(&it.len())));
        assert!(expires_at < END_OF_CALENDAR);
        Ok(())
    }

    async fn enroll(&self, _token: TokenDigest, device: NewDevice) -> Result<bool> {
        assert!((1..=100).contains(&device.name.len()));
        assert!(device.device_info.agent_version.len() <= MAX_VERSION_LENGTH);
        Ok(true)
    }

    async fn host_key(&self) -> Result<Option<VerifyingKey>> {
        Ok(None)
    }

    async fn claim(&self, ours: VerifyingKey) -> Result<VerifyingKey> {
        Ok(ours)
    }

    async fn replace_host_key(&self, _: VerifyingKey, _: RequestRecord) -> Result<()> {
        Ok(())
    }
}

/// It is never restored.
#[async_trait]
impl Restores for OneDevice {
    async fn restore_state(&self) -> Result<RestoreState> {
        Ok(RestoreState {
            epoch: 1,
            undecided_since: None,
            held: 0,
        })
    }

    async fn begin_epoch(&self, _: u64, _: u64, _: AuditEntry) -> Result<bool> {
        Ok(false)
    }

    async fn held_commands(&self, _: Option<&String>, _: u32) -> Result<Vec<(String, String)>> {
        Ok(Vec::new())
    }

    async fn release_held(&self, _: AuditEntry) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    async fn end_restore(&self, _: AuditEntry) -> Result<bool> {
        Ok(true)
    }
}

/// Every caller has every permission. There are no users.
#[async_trait]
impl Accounts for OneDevice {
    async fn users(&self) -> Result<Vec<User>> {
        Ok(Vec::new())
    }

    async fn user(&self, _: &str) -> Result<Option<User>> {
        Ok(None)
    }

    async fn add_user(&self, user: User, _: NewInvitation, _: RequestRecord) -> Result<bool> {
        assert!((1..=64).contains(&user.name.len()));
        Ok(true)
    }

    async fn set_role(
        &self,
        _: &str,
        _: Role,
        _: DeviceScope,
        _: RequestRecord,
    ) -> Result<UserChange> {
        Ok(UserChange::Unknown)
    }

    async fn remove_user(&self, _: &str, _: RequestRecord) -> Result<UserChange> {
        Ok(UserChange::Unknown)
    }

    async fn set_totp(&self, _: &str, _: Option<Vec<u8>>, _: RequestRecord) -> Result<bool> {
        Ok(false)
    }

    async fn use_totp(&self, _: &str, _: u64) -> Result<bool> {
        Ok(false)
    }

    async fn add_invitation(
        &self,
        _: TokenDigest,
        _: &str,
        _: Timestamp,
        _: RequestRecord,
    ) -> Result<bool> {
        Ok(true)
    }

    async fn invitation(&self, _: TokenDigest, _: Timestamp) -> Result<Option<String>> {
        Ok(None)
    }

    async fn invited_until(&self, _: &str, _: Timestamp) -> Result<Option<Timestamp>> {
        Ok(None)
    }

    async fn accept_invitation(&self, _: TokenDigest, _: String, _: RequestRecord) -> Result<bool> {
        Ok(false)
    }

    async fn open_session(
        &self,
        _: TokenDigest,
        _: &str,
        _: &str,
        _: Timestamp,
        _: RequestRecord,
    ) -> Result<bool> {
        panic!("nobody gets in without a password")
    }

    async fn session(&self, _: TokenDigest) -> Result<Option<Session>> {
        Ok(None)
    }

    async fn use_session(&self, _: TokenDigest, _: Timestamp) -> Result<()> {
        Ok(())
    }

    async fn close_session(&self, _: TokenDigest) -> Result<()> {
        Ok(())
    }

    async fn forget_sessions(&self, _: Timestamp, _: Timestamp) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl Tokens for OneDevice {
    async fn api_tokens(&self) -> Result<Vec<ApiToken>> {
        Ok(Vec::new())
    }

    async fn api_token(&self, _: TokenDigest, _: Timestamp) -> Result<Option<ApiToken>> {
        Ok(Some(ApiToken {
            name: "admin".into(),
            permissions: Permission::ALL.into(),
            scope: DeviceScope::ALL,
            owner: None,
            created_at: 0,
            expires_at: None,
        }))
    }

    async fn add_api_token(
        &self,
        _: TokenDigest,
        about: ApiToken,
        _: RequestRecord,
    ) -> Result<TokenChange> {
        assert!((1..=64).contains(&about.name.len()) && !about.permissions.is_empty());
        assert!(about.expires_at.is_none_or(|end| end < END_OF_CALENDAR));
        Ok(TokenChange::Done)
    }

    async fn set_token_owner(&self, _: &str, _: &str, _: RequestRecord) -> Result<TokenChange> {
        Ok(TokenChange::Unknown)
    }

    async fn replace_api_token(
        &self,
        _: TokenDigest,
        _: ApiToken,
        _: RequestRecord,
        _: RequestRecord,
    ) -> Result<()> {
        Ok(())
    }

    async fn remove_api_token(&self, _: &str, _: RequestRecord) -> Result<bool> {
        Ok(false)
    }
}

/// No agent is woken.
#[async_trait]
impl WakeUps for OneDevice {
    async fn claim_wake_ups(&self, _: Timestamp, _: u32) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Webhooks for OneDevice {
    async fn webhooks(&self) -> Result<Vec<Webhook>> {
        Ok(Vec::new())
    }

    async fn webhook(&self, _: &str) -> Result<Option<Webhook>> {
        Ok(None)
    }

    async fn add_webhook(&self, webhook: Webhook, _: RequestRecord) -> Result<()> {
        assert!(webhook.url.starts_with("https://") && webhook.url.len() <= 8192);
        Ok(())
    }

    async fn set_webhook_state(&self, _: &str, _: WebhookState, _: RequestRecord) -> Result<bool> {
        Ok(false)
    }

    async fn set_webhook_secret(
        &self,
        _: &str,
        _: Vec<u8>,
        _: Timestamp,
        _: RequestRecord,
    ) -> Result<bool> {
        Ok(false)
    }

    async fn remove_webhook(&self, _: &str, _: RequestRecord) -> Result<bool> {
        Ok(false)
    }

    async fn due_webhooks(&self, _: Timestamp) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    async fn events(&self, _: u64, _: u32) -> Result<Vec<Event>> {
        Ok(Vec::new())
    }

    async fn note_attempt(
        &self,
        _: &str,
        _: Option<Attempt>,
        _: Progress,
        _: WebhookState,
    ) -> Result<bool> {
        Ok(false)
    }

    async fn note_test(
        &self,
        _: &str,
        _: Attempt,
        _: Option<Timestamp>,
        _: Option<StoredResponse>,
    ) -> Result<()> {
        Ok(())
    }

    async fn attempts(&self, _: &str, _: u32) -> Result<Vec<Attempt>> {
        Ok(Vec::new())
    }
}

impl Shared for OneDevice {
    fn replicas(&self) -> Option<Arc<dyn Replicas>> {
        None
    }
}

#[async_trait]
impl Lifecycle for OneDevice {
    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl Bulks for OneDevice {
    async fn add_bulk(&self, bulk: Bulk, audit: RequestRecord) -> Result<()> {
        assert_eq!(bulk.devices, 1);
        self.lock().audit.push(audit.entry);
        Ok(())
    }

    async fn bulk(&self, _id: &str) -> Result<Option<Bulk>> {
        Ok(None)
    }

    async fn bulks(&self, _: &DeviceScope, _: Option<&str>, _: u32) -> Result<Vec<Bulk>> {
        Ok(Vec::new())
    }

    async fn bulks_to_run(&self, _most: u32) -> Result<Vec<Bulk>> {
        Ok(Vec::new())
    }

    async fn bulks_answered(&self, _most: u32) -> Result<Vec<Bulk>> {
        Ok(Vec::new())
    }

    async fn bulks_waiting(&self, _: Timestamp) -> Result<Vec<Bulk>> {
        Ok(Vec::new())
    }

    async fn renew_lease(&self, _: &str, _: u32) -> Result<()> {
        Ok(())
    }

    async fn bulks_with_expired_lease(&self) -> Result<Vec<Bulk>> {
        Ok(Vec::new())
    }

    async fn transition_bulk(&self, _: &str, _: BulkTransition, _: RequestRecord) -> Result<bool> {
        Ok(false)
    }

    async fn bulk_has_cancelled(&self, _id: &str) -> Result<()> {
        Ok(())
    }

    async fn bulk_to_do(&self, _: &Bulk, _: Option<&str>, _: u32) -> Result<Vec<Snapshot>> {
        Ok(Vec::new())
    }

    async fn add_device_error(&self, _: &str, _: &str, _: DeviceError) -> Result<()> {
        Ok(())
    }

    async fn bulk_answers(
        &self,
        _: &str,
        _: bool,
        _: Option<&str>,
        _: u32,
    ) -> Result<Vec<BulkAnswer>> {
        Ok(Vec::new())
    }

    async fn bulk_pending(
        &self,
        _: &str,
        _: Option<&str>,
        _: u32,
    ) -> Result<Vec<(String, String)>> {
        Ok(Vec::new())
    }

    async fn bulk_progress(&self, _bulk: &str) -> Result<BulkProgress> {
        Ok(BulkProgress::default())
    }

    async fn bulk_failures(&self, _bulk: &str, _most: u32) -> Result<Vec<BulkFailures>> {
        Ok(Vec::new())
    }
}
