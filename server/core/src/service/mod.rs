//! The one flow: a request becomes a plugin's decision, and the decision one commit.
//!
//! A use case is one function: `password` has the admin's, `devices` those about devices and policies, `fleet` those
//! about all of them, `bulks` those about whole groups, `users`, `invitations`, `tokens` and `sessions` those about who may call,
//! `plugins` those about plugins, `agents` and `agent_keys` the agent's, `expiry` the clock's; `webhooks`
//! those about who is told of changes, and `deliveries` tells them; `wake_ups` tells agents to sync. All that decide go through
//! `Service::decide`; those that only ask, through `Service::ask`.
//!
//! A use case that changes something is to be carried out to its end: drop its future half-way, and it is
//! undecided whether the change was committed, and who was told of it.

mod agent_keys;
mod agent_rates;
mod agents;
mod audit;
mod bulk_outlook;
mod bulk_requesters;
mod bulk_runner;
mod bulk_sheet;
mod bulks;
mod call;
mod callers;
mod credentials;
mod deliveries;
mod devices;
mod error;
mod expiry;
mod failed_logins;
mod fleet;
mod freshness;
mod history;
mod idempotency;
mod invitations;
mod login_throttle;
mod news;
mod one_time_passwords;
mod password;
mod password_hasher;
mod plugin_check;
mod plugin_log;
mod plugins;
mod readiness;
mod replicas;
mod restores;
mod sealed;
mod seen;
mod sessions;
mod shadow;
mod stand_in;
mod tasks;
mod tokens;
mod users;
mod wake_ups;
mod webhooks;

pub use agent_keys::{AuthenticatedAgent, SignedByAgent};
pub use bulk_outlook::{BulkOutlook, BulkVerdict};
pub use bulk_sheet::SheetLine;
pub use bulks::BulkRequest;
pub use devices::EnrollmentToken;
pub use error::ServiceError;
pub use fleet::DevicePage;
pub use invitations::{FirstAdmin, Invitation};
pub use news::Watcher;
pub use one_time_passwords::NewTotp;
pub use password::{CommandAnswer, Request, Reset};
pub use plugins::{PluginSettings, Plugins};
pub use readiness::Readiness;
pub use seen::{AsSeen, tag};
pub use sessions::{SignIn, SignInError};
pub use shadow::{Comparisons, Difference, ShadowReport};
pub use stand_in::WhenTrialFails;
pub use webhooks::{MadeWebhook, NewWebhook};

use crate::{
    access::Caller,
    actor::Actor,
    audit::AuditEntry,
    change::Change,
    event::EventKind,
    keys::HostKeys,
    metrics::{Metrics, Tally},
    public_url::PublicUrl,
    store::{Commit, Replicas, RequestRecord, Snapshot, Store, StoreError},
    supervisor::Supervisor,
    transport::AgentSync,
    webhook::{Destinations, Sender},
};
use agent_rates::AgentRates;
use failed_logins::FailedLogins;
use freshness::Freshness;
use history::History;
use login_throttle::LoginThrottle;
use mdm_agent_protocol::sealing::{Binding, Payload, Sealed};
use mdm_contract::{
    decisions::{Command, PasswordRule},
    time::{self, Timestamp},
    words::{Action, CommandId},
};
use mdm_password_host::{
    CallContext, CallOutcome, Comparable, Effect, Function, Instance, PluginError, Threads,
    password::Password,
};
use news::News;
use password_hasher::PasswordHasher;
use plugin_log::PluginLog;
use readiness::LastLook;
use replicas::{Following, SharedLimits};
use serde::{Deserialize, Serialize};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::{sync::Notify, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span, field::Empty};
use wake_ups::WakeUps;
use zeroize::Zeroizing;

/// How often a call is decided anew when the device changes under it. Each round that loses means
/// that another has won, so this many in a row need as many others at the same moment.
const MOST_ROUNDS: usize = 32;

/// The longest that the metrics wait for a number of the store: they show the one before then.
const COUNT_TIMEOUT: Duration = Duration::from_secs(1);

/// What a host is made of.
pub struct Service {
    store: Arc<dyn Store>,
    plugins: Plugins,
    transport: AgentSync,
    password_rule: PasswordRule,
    keys: HostKeys,
    freshness: Freshness,
    agent_rates: AgentRates,
    /// One for each instance that may run.
    threads: Threads,
    metrics: Arc<Metrics>,
    plugin_log: Arc<PluginLog>,
    news: News,
    hasher: PasswordHasher,
    login_throttle: LoginThrottle,
    failed_logins: FailedLogins,
    /// Where admins reach the host; none: where it listens.
    public_url: Option<PublicUrl>,
    /// Other hosts on the same store; none: there can't be any.
    replicas: Option<Arc<dyn Replicas>>,
    limits: SharedLimits,
    following: Following,
    sender: Sender,
    /// Told when there may be something to deliver.
    events: Notify,
    /// A bulk of more devices than this needs somebody else's approval.
    approve_above: Option<u64>,
    /// There is something to do for the bulks' runner.
    bulks_to_run: Notify,
    last_look: LastLook,
    /// What agents are told to sync by; none: they wait at the host.
    wake_ups: Option<WakeUps>,
    history: History,
    supervisor: Arc<Supervisor>,
    /// Cancelled when the host is told to stop: it serves on, and says that it is not ready.
    stopping: CancellationToken,
    /// Cancelled when it stops: the syncs and pages that wait are let go, and the background tasks end.
    closing: CancellationToken,
}

/// Who asks for what, with what: the call's input, and its line in the audit trail.
struct Deed<'a> {
    by: &'a Caller,
    function: Function,
    detail: Option<String>,
    password: Option<&'a Password>,
    subject: Option<&'a CommandId>,
    /// The bulk that the command is part of.
    bulk: Option<&'a str>,
    /// The device as it was just now: if it has changed since, the commit shows that.
    snapshot: Option<Snapshot>,
}

impl<'a> Deed<'a> {
    fn new(by: &'a Caller, function: Function) -> Self {
        Self {
            by,
            function,
            detail: None,
            password: None,
            subject: None,
            bulk: None,
            snapshot: None,
        }
    }

    /// The call is about this command.
    fn on(self, subject: &'a CommandId) -> Self {
        Self {
            subject: Some(subject),
            ..self
        }
    }
}

/// What was decided and committed: the stored response of a request with an idempotency key.
#[derive(Serialize, Deserialize)]
struct Decided<T> {
    answer: T,
    /// What whoever asked is to know of how it was decided.
    notice: Option<String>,
}

impl Service {
    /// Wires a host together.
    pub fn new(
        store: Arc<dyn Store>,
        plugins: Plugins,
        password_rule: PasswordRule,
        keys: HostKeys,
    ) -> Self {
        let metrics = Arc::new(Metrics::default());
        let closing = CancellationToken::new();
        let supervisor = Arc::new(Supervisor::new(metrics.tasks.clone()));
        let host = Self {
            replicas: store.replicas(),
            limits: SharedLimits::default(),
            following: Following::default(),
            plugin_log: Arc::new(PluginLog::new(plugins.limits().log, Arc::clone(&metrics))),
            metrics,
            threads: Threads::new(plugins.limits().instances),
            store,
            plugins,
            transport: AgentSync::default(),
            password_rule,
            keys,
            freshness: Freshness::new(time::now() / 1000),
            agent_rates: AgentRates::default(),
            news: News::new(closing.clone()),
            hasher: PasswordHasher::default(),
            login_throttle: LoginThrottle::default(),
            failed_logins: FailedLogins::default(),
            public_url: None,
            sender: Sender::new(Destinations::default()),
            events: Notify::new(),
            approve_above: None,
            bulks_to_run: Notify::new(),
            last_look: LastLook::default(),
            wake_ups: None,
            history: History::default(),
            supervisor,
            stopping: CancellationToken::new(),
            closing,
        };
        for limit in host.login_throttle.limits() {
            host.share_limit(limit);
        }
        host.agent_rates.share(&host);
        host
    }

    /// The same host, which counts by these.
    pub fn with_metrics(self, metrics: Arc<Metrics>) -> Self {
        let log = self.plugins.limits().log;
        Self {
            plugin_log: Arc::new(PluginLog::new(log, Arc::clone(&metrics))),
            metrics,
            ..self
        }
    }

    /// The same host, whose background tasks run under this supervisor.
    pub fn supervised_by(self, supervisor: Arc<Supervisor>) -> Self {
        Self { supervisor, ..self }
    }

    /// The same host, whose webhooks may go to these.
    pub fn with_webhooks_to(self, destinations: Destinations) -> Self {
        Self {
            sender: Sender::new(destinations),
            ..self
        }
    }

    /// The same host, which admins reach at this URL.
    pub fn with_public_url(self, public_url: Option<PublicUrl>) -> Self {
        Self { public_url, ..self }
    }

    /// Where admins reach the host. None: where it listens.
    pub fn public_url(&self) -> Option<&PublicUrl> {
        self.public_url.as_ref()
    }

    /// A bulk of more than this many devices waits until somebody else approves it.
    pub fn approving_above(self, devices: Option<u64>) -> Self {
        Self {
            approve_above: devices,
            ..self
        }
    }

    /// The same host, which keeps in this file, outside of its store, how far the store was.
    pub fn with_history(self, file: PathBuf) -> Self {
        Self {
            history: History::in_file(file),
            ..self
        }
    }

    /// What the host counts.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// What the host has counted, as Prometheus reads it.
    pub async fn metrics_text(&self) -> Result<String, ServiceError> {
        let is_ready = self.readiness().await.failures.is_empty();
        self.metrics.ready.set(is_ready.into());
        // Whoever looks after a host wants its metrics most while its store fails: the others are told then.
        if is_ready
            && let Ok(Ok(pending)) = timeout(COUNT_TIMEOUT, self.store.pending_commands()).await
        {
            let commands = &self.metrics.commands;
            commands.pending.set(pending.number);
            let age = pending
                .oldest
                .map_or(0, |oldest| time::now().saturating_sub(oldest) / 1000);
            commands
                .oldest_pending
                .set(i64::try_from(age).unwrap_or(i64::MAX));
        }
        self.metrics.leader.set(self.lead().is_some().into());
        let health = self.plugins.slot.places().active.plugin.health();
        self.metrics
            .plugins
            .set_out_of_service(|function| health.out_of_service.iter().any(|it| it == function));
        let failed = |error: std::fmt::Error| StoreError::Failed(error.to_string());
        self.count_wake_ups(&self.metrics.wake_ups);
        Ok(self.metrics.text().map_err(failed)?)
    }

    /// Looks at one device, or at all of them, to hear when there is a change.
    pub fn watch(&self, device: Option<&str>) -> Watcher {
        self.news.watch(device)
    }

    /// What a new password has to be like.
    pub fn password_rule(&self) -> &PasswordRule {
        &self.password_rule
    }

    /// The host is told to stop: from now on it is not ready, so that no more calls are sent to it.
    pub fn stop_soon(&self) {
        self.stopping.cancel();
    }

    /// Lets the syncs and the pages that wait for news go, and ends the background tasks, so that the host can stop.
    pub fn close(&self) {
        self.stopping.cancel();
        self.closing.cancel();
        if let Some(replicas) = &self.replicas {
            replicas.leave();
        }
    }

    /// Writes the last failed logins, and closes the store, once nobody is served any more.
    pub async fn close_store(&self) {
        self.write_last_failed_logins().await;
        if let Err(error) = self.store.close().await {
            tracing::warn!(%error, "the store was not closed as it should be; nothing is lost");
        }
    }

    /// Lets the plugin decide about a device, and commits what it decided: all of it, or nothing. If
    /// the device was changed meanwhile, the plugin decides again.
    #[tracing::instrument(level = "debug", skip_all, fields(function = %deed.function, device = Empty, command = Empty))]
    async fn decide<T: Serialize + Send + 'static>(
        &self,
        seen: impl Into<AsSeen<'_>>,
        mut deed: Deed<'_>,
        call: impl Fn(&mut Instance, CallContext) -> Result<CallOutcome<T>, PluginError>
        + Clone
        + Send
        + 'static,
    ) -> Result<Decided<T>, ServiceError> {
        let seen = seen.into();
        let device = seen.device;
        let span = Span::current();
        span.record("device", device);
        for _ in 0..MOST_ROUNDS {
            let snapshot = match deed.snapshot.take() {
                Some(snapshot) => seen.check(deed.by, snapshot)?,
                None => self.reached_as_seen(deed.by, seen).await?,
            };
            if deed.function.sends().is_some() {
                check_trusted(&snapshot)?;
            }
            let mut context = self.context(&snapshot, deed.password);
            if let Some(subject) = deed.subject {
                context.subject = Some(self.command(device, subject).await?);
            }
            let at = context.now;
            let (outcome, decider) = self.run(deed.function, context, call.clone()).await?;
            let (answer, effects) = match outcome {
                CallOutcome::Accepted { returned, changes } => (returned, changes),
                CallOutcome::Refused(refusal) => return Err(ServiceError::Refused(refusal)),
            };
            tracing::trace!(
                device,
                actor = %deed.by.actor,
                function = %deed.function,
                ?effects,
                "decided"
            );
            let command = sent(&effects).or(deed.subject).cloned();
            span.record("command", &command);
            let audit = AuditEntry {
                device: Some(device.to_owned()),
                command,
                detail: decider.detail(deed.detail.as_deref()),
                plugin: Some(decider.plugin.clone()),
                ..AuditEntry::new(at, deed.by, deed.function.word())
            };
            let decided = Decided {
                answer,
                notice: decider.notice(),
            };
            let record = self.record(deed.by, audit, &decided)?;
            let changes = self.sealed(effects, &snapshot, deed.password)?;
            if self
                .commit(&snapshot, at, changes, Some(record), deed.bulk)
                .await?
            {
                tracing::debug!(actor = %deed.by.actor, "committed");
                return Ok(decided);
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Commits a change that no plugin decides, and again if the device was changed meanwhile; none: there is
    /// nothing to change.
    async fn change(
        &self,
        by: &Caller,
        seen: impl Into<AsSeen<'_>>,
        change: impl Fn(&Snapshot, Timestamp) -> Result<Option<Change>, ServiceError>,
        audit: Option<AuditEntry>,
    ) -> Result<(), ServiceError> {
        let seen = seen.into();
        for _ in 0..MOST_ROUNDS {
            let snapshot = self.reached_as_seen(by, seen).await?;
            let at = time::now();
            let changes = Vec::from_iter(change(&snapshot, at)?);
            let audit = audit.clone().map(|entry| AuditEntry {
                at,
                device: Some(seen.device.to_owned()),
                ..entry
            });
            let record = audit.map(|entry| self.record(by, entry, &())).transpose()?;
            if self.commit(&snapshot, at, changes, record, None).await? {
                return Ok(());
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Commits what was decided on a snapshot of a device: all, or nothing. False: the device has
    /// changed since, and it has to be decided anew.
    async fn commit(
        &self,
        snapshot: &Snapshot,
        at: Timestamp,
        changes: Vec<Change>,
        audit: Option<RequestRecord>,
        bulk: Option<&str>,
    ) -> Result<bool, ServiceError> {
        if changes.is_empty() {
            if let Some(response) = audit.and_then(|it| it.response) {
                self.store.store_response(response).await?;
            }
            return Ok(true);
        }
        let device = &snapshot.device.id;
        // What an agent told of its device is no news to the agent.
        let is_news = audit.is_some();
        let is_by_agent = audit
            .as_ref()
            .is_some_and(|it| it.entry.is_by(&Actor::Agent));
        let known = snapshot.pending.iter().chain(&snapshot.latest);
        let tally = Tally::of(&changes, known);
        let is_event = changes.iter().any(|it| EventKind::of(it).is_some());
        let commit = Commit {
            device: device.clone(),
            version: snapshot.version,
            at,
            changes,
            bulk: bulk.map(str::to_owned),
            audit,
        };
        let span = tracing::debug_span!("commit", device, changes = commit.changes.len());
        match self.store.commit(commit).instrument(span).await {
            Ok(()) => {
                self.metrics.commands.committed(tally);
                self.news.changed(device);
                if is_event {
                    self.events.notify_one();
                }
                if is_news {
                    self.wake(device, is_by_agent);
                }
                Ok(true)
            }
            Err(StoreError::Conflict) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Asks the plugin about a device. Nothing changes.
    async fn ask<T: Comparable + Send + 'static>(
        &self,
        function: Function,
        snapshot: &Snapshot,
        password: Option<&Password>,
        call: impl Fn(&mut Instance, CallContext) -> Result<T, PluginError> + Clone + Send + 'static,
    ) -> Result<T, ServiceError> {
        let context = self.context(snapshot, password);
        let (answer, _) = self.run(function, context, call).await?;
        Ok(answer)
    }

    /// The effects as changes of the store: what the device is to open is sealed into a new command.
    fn sealed(
        &self,
        effects: Vec<Effect>,
        snapshot: &Snapshot,
        password: Option<&Password>,
    ) -> Result<Vec<Change>, ServiceError> {
        let change = |effect| Change::of(effect, |command| self.seal(command, snapshot, password));
        effects.into_iter().map(change).collect()
    }

    fn seal(
        &self,
        command: &Command,
        snapshot: &Snapshot,
        password: Option<&Password>,
    ) -> Result<Sealed, ServiceError> {
        let device = &snapshot.device.id;
        let password = match command.action {
            Action::Reset => password.map_or("", Password::expose),
            Action::Remove => "",
        };
        let payload = Payload {
            token_key: self.keys.token_key(device),
            password: Zeroizing::new(password.as_bytes().to_vec()),
        };
        let binding = Binding {
            device,
            command: &command.id,
            action: command.action,
            options: command.options,
            expires_at: command.expires_at,
        };
        Ok(payload.seal(&snapshot.public_key, &binding)?)
    }

    /// A device that this caller is responsible for.
    async fn reached(&self, by: &Caller, device: &str) -> Result<Snapshot, ServiceError> {
        self.reached_as_seen(by, device.into()).await
    }

    async fn snapshot(&self, device: &str) -> Result<Snapshot, ServiceError> {
        let unknown = || ServiceError::UnknownDevice(device.to_owned());
        self.store.snapshot(device).await?.ok_or_else(unknown)
    }
}

/// Nothing reaches a device that was revoked.
fn check_trusted(snapshot: &Snapshot) -> Result<(), ServiceError> {
    match snapshot.revoked_at {
        None => Ok(()),
        Some(_) => Err(ServiceError::Revoked(snapshot.device.id.clone())),
    }
}

/// The command that a call has sent.
fn sent(effects: &[Effect]) -> Option<&CommandId> {
    effects.iter().find_map(|effect| match effect {
        Effect::Send(command) => Some(&command.id),
        _ => None,
    })
}
