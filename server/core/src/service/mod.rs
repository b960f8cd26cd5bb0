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
mod agent_transport;
mod agents;
mod audit;
mod bulk_outlook;
mod bulk_requesters;
mod bulk_runner;
mod bulk_sheet;
mod bulks;
mod callers;
mod chosen_plugins;
mod commits;
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
mod plugins;
mod readiness;
mod replicas;
mod restores;
mod sealed;
mod seen;
mod sessions;
mod stored_devices;
mod tasks;
mod tokens;
mod users;
mod wake_ups;
mod webhooks;

pub use agent_keys::{AuthenticatedAgent, SignedByAgent};
pub use bulk_outlook::{BulkOutlook, BulkVerdict};
pub use bulk_sheet::SheetLine;
pub use bulks::BulkRequest;
pub use chosen_plugins::{PluginSettings, Plugins};
pub use devices::EnrollmentToken;
pub use error::ServiceError;
pub use fleet::DevicePage;
pub use invitations::{FirstAdmin, Invitation};
pub use news::Watcher;
pub use one_time_passwords::NewTotp;
pub use password::{CommandAnswer, Request, Reset};
pub use readiness::Readiness;
pub use seen::{AsSeen, tag};
pub use sessions::{SignIn, SignInError};
pub use webhooks::{MadeWebhook, NewWebhook};

use crate::{
    access::Caller,
    actor::Actor,
    audit::AuditEntry,
    change::Change,
    keys::HostKeys,
    metrics::Metrics,
    public_url::PublicUrl,
    store::{Replicas, RequestRecord, Snapshot, Store, StoreError},
    supervisor::Supervisor,
    webhook::{Destinations, Sender},
};
use agent_rates::AgentRates;
use agent_transport::AgentTransport;
use commits::Commits;
use failed_logins::FailedLogins;
use freshness::Freshness;
use history::History;
use login_throttle::LoginThrottle;
use mdm_contract::{
    decisions::PasswordRule,
    time::{self, Timestamp},
};
use mdm_password_host::Host;
use news::News;
use password_hasher::PasswordHasher;
use readiness::LastLook;
use replicas::{Following, SharedLimits};
use std::{path::PathBuf, sync::Arc, time::Duration};
use stored_devices::{RequestContext, StoredDecision, StoredDevices};
use tokio::{sync::Notify, time::timeout};
use tokio_util::sync::CancellationToken;

/// How often a call is decided anew when the device changes under it. Each round that loses means
/// that another has won, so this many in a row need as many others at the same moment.
const MOST_ROUNDS: usize = 32;

/// The longest that the metrics wait for a number of the store: they show the one before then.
const COUNT_TIMEOUT: Duration = Duration::from_secs(1);

/// What a host is made of.
pub struct Service {
    store: Arc<dyn Store>,
    plugins: Arc<Plugins>,
    host: Host<StoredDevices, AgentTransport>,
    commits: Arc<Commits>,
    transport: AgentTransport,
    keys: Arc<HostKeys>,
    freshness: Freshness,
    agent_rates: AgentRates,
    metrics: Arc<Metrics>,
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
    /// A bulk of more devices than this needs somebody else's approval.
    approve_above: Option<u64>,
    /// There is something to do for the bulks' runner.
    bulks_to_run: Notify,
    last_look: LastLook,
    history: History,
    supervisor: Arc<Supervisor>,
    /// Cancelled when the host is told to stop: it serves on, and says that it is not ready.
    stopping: CancellationToken,
    /// Cancelled when it stops: the syncs and pages that wait are let go, and the background tasks end.
    closing: CancellationToken,
}

impl Service {
    /// Wires a server together.
    pub fn new(
        store: Arc<dyn Store>,
        plugins: Plugins,
        password_rule: PasswordRule,
        keys: HostKeys,
        metrics: Arc<Metrics>,
    ) -> Result<Self, ServiceError> {
        let closing = CancellationToken::new();
        let supervisor = Arc::new(Supervisor::new(metrics.tasks.clone()));
        let (keys, plugins) = (Arc::new(keys), Arc::new(plugins));
        let commits = Arc::new(Commits {
            store: Arc::clone(&store),
            metrics: Arc::clone(&metrics),
            news: News::new(closing.clone()),
            events: Notify::new(),
        });
        let transport = AgentTransport {
            sync: Arc::default(),
            wake_ups: Arc::default(),
            keys: Arc::clone(&keys),
        };
        let devices = StoredDevices {
            commits: Arc::clone(&commits),
            keys: Arc::clone(&keys),
        };
        let host = Host::builder(devices, transport.clone())
            .password_rule(password_rule)
            .observer(Arc::clone(&metrics) as _);
        let host = plugins.of_host(host)?;
        let service = Self {
            replicas: store.replicas(),
            limits: SharedLimits::default(),
            following: Following::default(),
            metrics,
            store,
            plugins,
            host,
            commits,
            transport,
            keys,
            freshness: Freshness::new(time::now() / 1000),
            agent_rates: AgentRates::default(),
            hasher: PasswordHasher::default(),
            login_throttle: LoginThrottle::default(),
            failed_logins: FailedLogins::default(),
            public_url: None,
            sender: Sender::new(Destinations::default()),
            approve_above: None,
            bulks_to_run: Notify::new(),
            last_look: LastLook::default(),
            history: History::default(),
            supervisor,
            stopping: CancellationToken::new(),
            closing,
        };
        for limit in service.login_throttle.limits() {
            service.share_limit(limit);
        }
        service.agent_rates.share(&service);
        Ok(service)
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
        let health = self.host.rollout().deployments().active.plugin.health();
        self.metrics
            .plugins
            .set_out_of_service(|function| health.out_of_service.iter().any(|it| it == function));
        let failed = |error: std::fmt::Error| StoreError::Failed(error.to_string());
        self.count_wake_ups(&self.metrics.wake_ups);
        Ok(self.metrics.text().map_err(failed)?)
    }

    /// Looks at one device, or at all of them, to hear when there is a change.
    pub fn watch(&self, device: Option<&str>) -> Watcher {
        self.commits.news.watch(device)
    }

    /// What a new password has to be like.
    pub fn password_rule(&self) -> &PasswordRule {
        self.host.password_rule()
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
            if self.commit(&snapshot, at, changes, record).await? {
                return Ok(());
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Commits changes to a device, and tells its agent. Returns `false` if the device has changed since.
    async fn commit(
        &self,
        snapshot: &Snapshot,
        at: Timestamp,
        changes: Vec<Change>,
        audit: Option<RequestRecord>,
    ) -> Result<bool, ServiceError> {
        // What an agent told of its device is no news to the agent.
        let is_news = audit.is_some() && !changes.is_empty();
        let is_by_agent = audit
            .as_ref()
            .is_some_and(|it| it.entry.is_by(&Actor::Agent));
        let before = snapshot.into();
        let is_committed = self
            .commits
            .commit(before, at, changes, audit, None)
            .await?;
        if is_committed && is_news {
            self.transport.wake(&snapshot.device.id, is_by_agent);
        }
        Ok(is_committed)
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
