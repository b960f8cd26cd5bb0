//! The server: its components, wired together, and its background tasks.

use crate::{
    agents::{AgentRates, Agents, ReplayGuard},
    audit_trail::AuditTrailReader,
    bulks::{BulkRunner, Bulks, PasswordExports},
    cluster::Cluster,
    commands::{Commands, Expiry, Revocation},
    commits::Commits,
    device_records::DeviceRecords,
    devices::Devices,
    error::ServerError,
    health::{Health, ReadinessCache},
    history::History,
    identity::{FailedLoginWriter, FailedLogins, Identity, LoginThrottle, PasswordHasher},
    keys::HostKeys,
    metrics::Metrics,
    notifier::{ChangeNotifier, Subscription},
    platform::{AgentTransport, StoredDevices, WakeUpTask, WakeUps},
    plugins::{ChosenPlugins, PluginFollower, Plugins},
    public_url::PublicUrl,
    replica_listener::ReplicaListener,
    restores::Restores,
    store::Store,
    stored_responses::StoredResponses,
    supervisor::Supervisor,
    transport::WakeUp,
    webhook_client::{Destinations, Sender},
    webhooks::{Deliveries, Webhooks},
};
use mdm_contract::{MinimumVersion, PasswordRule, time};
use mdm_password_host::Host;
use std::{path::PathBuf, sync::Arc};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Settings of a server.
#[derive(Default)]
pub struct ServerSettings {
    /// The password rule of the deployment.
    pub password_rule: PasswordRule,
    /// The minimum version of agents.
    pub minimum_agent_version: MinimumVersion,
    /// Allowed destinations of webhooks.
    pub webhook_destinations: Destinations,
    /// Public URL of the server. `None`: the address on which it listens.
    pub public_url: Option<PublicUrl>,
    /// Number of devices above which a bulk needs the approval of another user.
    pub approve_above: Option<u64>,
    /// File outside of the store that keeps the end of the audit trail.
    pub history_file: Option<PathBuf>,
    /// Wake-up channel of agents, and the interval of their syncs without a wake-up, in seconds.
    pub wake_up: Option<(Arc<dyn WakeUp>, u32)>,
}

/// The components of a server.
pub struct Server {
    /// Management of devices.
    pub devices: Arc<Devices>,
    /// Resets, removes and their previews.
    pub commands: Arc<Commands>,
    /// The commands from before a restore.
    pub restores: Arc<Restores>,
    /// Bulks.
    pub bulks: Arc<Bulks>,
    /// Password exports of bulks.
    pub password_exports: Arc<PasswordExports>,
    /// Enrollment and syncs of agents.
    pub agents: Arc<Agents>,
    /// Users, sessions and tokens.
    pub identity: Arc<Identity>,
    /// The audit trail.
    pub audit_trail: Arc<AuditTrailReader>,
    /// Webhooks.
    pub webhooks: Arc<Webhooks>,
    /// Plugins.
    pub plugins: Arc<Plugins>,
    /// Readiness and metrics.
    pub health: Arc<Health>,
    /// Cluster of replicas.
    pub cluster: Arc<Cluster>,
    /// The responses to requests with idempotency keys.
    pub responses: StoredResponses,
    store: Arc<dyn Store>,
    commits: Arc<Commits>,
    history: Arc<History>,
    /// Background tasks, which [`Self::start`] runs.
    pub tasks: Tasks,
    /// Cancelled when the server begins to stop. It still serves, but is not ready.
    stopping: CancellationToken,
    /// Cancelled when the server closes. Waiting syncs and pages get their responses, and background tasks end.
    closing: CancellationToken,
}

/// The background tasks. Each runs until its token is cancelled.
pub struct Tasks {
    supervisor: Arc<Supervisor>,
    /// Completes expired commands.
    pub expiry: Arc<Expiry>,
    /// Delivers events to webhooks.
    pub deliveries: Arc<Deliveries>,
    /// Makes the commands of bulks.
    pub bulk_runner: Arc<BulkRunner>,
    /// Writes failed logins into the audit trail.
    pub failed_logins: Arc<FailedLoginWriter>,
    wake_ups: Option<Arc<WakeUpTask>>,
    /// Follows other replicas.
    pub replica_listener: Arc<ReplicaListener>,
}

impl Server {
    /// Wires a server together. Nothing runs before [`Self::start`].
    pub fn new(
        store: Arc<dyn Store>,
        chosen: ChosenPlugins,
        keys: HostKeys,
        metrics: Arc<Metrics>,
        supervisor: Arc<Supervisor>,
        settings: ServerSettings,
    ) -> Result<Self, ServerError> {
        let (stopping, closing) = (CancellationToken::new(), CancellationToken::new());
        let (keys, chosen) = (Arc::new(keys), Arc::new(chosen));
        let cluster = Arc::new(Cluster::new(store.replicas()));
        let responses = StoredResponses::new(Arc::clone(&store), Arc::clone(&keys));
        let commits = Arc::new(Commits {
            store: Arc::clone(&store),
            metrics: Arc::clone(&metrics),
            changes: ChangeNotifier::new(closing.clone()),
            events: Notify::new(),
        });
        let wake_ups = settings.wake_up.map(|(channel, sync_every)| {
            Arc::new(WakeUps::new(channel, Arc::clone(&keys), sync_every))
        });
        let transport = AgentTransport {
            sync: Arc::default(),
            wake_ups: wake_ups.clone(),
            keys: Arc::clone(&keys),
        };
        let stored_devices = StoredDevices {
            commits: Arc::clone(&commits),
            keys: Arc::clone(&keys),
        };
        let host = Host::builder(stored_devices, transport.clone())
            .password_rule(settings.password_rule)
            .minimum_agent_version(&settings.minimum_agent_version)
            .observer(Arc::clone(&metrics) as _);
        let host = Arc::new(chosen.of_host(host)?);
        let records = DeviceRecords {
            store: Arc::clone(&store),
            commits: Arc::clone(&commits),
            transport: transport.clone(),
            responses: responses.clone(),
        };
        let commands = Arc::new(Commands {
            store: Arc::clone(&store),
            host: Arc::clone(&host),
            records: records.clone(),
        });
        let revocation = Revocation {
            records: records.clone(),
            commands: Arc::clone(&commands),
        };
        let history = Arc::new(History::new(
            Arc::clone(&store),
            Arc::clone(&keys),
            Arc::clone(&transport.sync),
            revocation.clone(),
            settings.history_file,
        ));
        let devices = Arc::new(Devices {
            records: records.clone(),
            revocation,
            history: Arc::clone(&history),
        });
        let bulks = Arc::new(Bulks {
            store: Arc::clone(&store),
            host: Arc::clone(&host),
            keys: Arc::clone(&keys),
            responses: responses.clone(),
            commits: Arc::clone(&commits),
            approve_above: settings.approve_above,
            to_run: Notify::new(),
        });
        let restores = Arc::new(Restores {
            store: Arc::clone(&store),
            commits: Arc::clone(&commits),
            transport: transport.clone(),
            history: Arc::clone(&history),
            commands: Arc::clone(&commands),
            bulks: Arc::clone(&bulks),
        });
        let password_exports = Arc::new(PasswordExports {
            bulks: Arc::clone(&bulks),
            transport: transport.clone(),
            closing: closing.clone(),
        });
        let rates = AgentRates::default();
        rates.share(&cluster);
        let agents = Arc::new(Agents {
            store: Arc::clone(&store),
            host: Arc::clone(&host),
            records: records.clone(),
            keys: Arc::clone(&keys),
            metrics: Arc::clone(&metrics),
            history: Arc::clone(&history),
            replicas: store.replicas(),
            replay_guard: ReplayGuard::new(time::now() / 1000),
            rates,
            closing: closing.clone(),
        });
        let login_throttle = LoginThrottle::default();
        for limit in login_throttle.limits() {
            cluster.share_limit(limit);
        }
        let failed_logins = Arc::new(FailedLogins::default());
        let identity = Arc::new(Identity {
            store: Arc::clone(&store),
            keys: Arc::clone(&keys),
            responses: responses.clone(),
            hasher: PasswordHasher::default(),
            login_throttle,
            failed_logins: Arc::clone(&failed_logins),
            public_url: settings.public_url,
        });
        let webhooks = Arc::new(Webhooks {
            store: Arc::clone(&store),
            keys,
            responses: responses.clone(),
            sender: Sender::new(settings.webhook_destinations),
            commits: Arc::clone(&commits),
        });
        let plugins = Arc::new(Plugins {
            store: Arc::clone(&store),
            host: Arc::clone(&host),
            chosen: Arc::clone(&chosen),
            responses: responses.clone(),
            metrics: Arc::clone(&metrics),
        });
        let following = Arc::new(PluginFollower::default());
        let tasks = Tasks {
            supervisor: Arc::clone(&supervisor),
            expiry: Arc::new(Expiry {
                store: Arc::clone(&store),
                host: Arc::clone(&host),
                cluster: Arc::clone(&cluster),
            }),
            deliveries: Arc::new(Deliveries {
                webhooks: Arc::clone(&webhooks),
                store: Arc::clone(&store),
                cluster: Arc::clone(&cluster),
                metrics: Arc::clone(&metrics),
            }),
            bulk_runner: Arc::new(BulkRunner {
                bulks: Arc::clone(&bulks),
                store: Arc::clone(&store),
                commands: Arc::clone(&commands),
                history: Arc::clone(&history),
                cluster: Arc::clone(&cluster),
            }),
            failed_logins: Arc::new(FailedLoginWriter {
                failed_logins,
                store: Arc::clone(&store),
            }),
            wake_ups: wake_ups.clone().map(|wake_ups| {
                Arc::new(WakeUpTask {
                    wake_ups,
                    store: Arc::clone(&store),
                    metrics: Arc::clone(&metrics),
                })
            }),
            replica_listener: Arc::new(ReplicaListener {
                cluster: Arc::clone(&cluster),
                commits: Arc::clone(&commits),
                transport,
                bulks: Arc::clone(&bulks),
                host: Arc::clone(&host),
                plugins: chosen,
                following: Arc::clone(&following),
            }),
        };
        let health = Arc::new(Health {
            store: Arc::clone(&store),
            host,
            metrics,
            cluster: Arc::clone(&cluster),
            history: Arc::clone(&history),
            following,
            supervisor,
            wake_ups,
            cache: ReadinessCache::default(),
            stopping: stopping.clone(),
        });
        let audit_trail = Arc::new(AuditTrailReader { records });
        Ok(Self {
            devices,
            commands,
            restores,
            bulks,
            password_exports,
            agents,
            identity,
            audit_trail,
            webhooks,
            plugins,
            health,
            cluster,
            responses,
            store,
            commits,
            history,
            tasks,
            stopping,
            closing,
        })
    }

    /// Compares the store with its history, before the server serves.
    pub async fn open_history(&self) -> Result<(), ServerError> {
        self.history.open().await
    }

    /// Starts the background tasks, which run until the server closes.
    pub fn start(&self) {
        let tasks = &self.tasks;
        self.supervise("expiry", &tasks.expiry, |task, stop| async move {
            task.run(stop).await;
        });
        self.supervise("webhooks", &tasks.deliveries, Deliveries::run);
        self.supervise("bulks", &tasks.bulk_runner, |task, stop| async move {
            task.run(stop).await;
        });
        self.supervise("history", &self.history, |task, stop| async move {
            task.run(stop).await;
        });
        self.supervise(
            "failed-logins",
            &tasks.failed_logins,
            |task, stop| async move {
                task.run(stop).await;
            },
        );
        if self.cluster.replicas().is_some() {
            self.supervise(
                "replica-changes",
                &tasks.replica_listener,
                |task, stop| async move {
                    task.run(stop).await;
                },
            );
            self.supervise("replica-calls", &self.cluster, |task, stop| async move {
                task.notify_call_counts(stop).await;
            });
        }
        if let Some(wake_ups) = &tasks.wake_ups {
            self.supervise("wake-ups", wake_ups, |task, stop| async move {
                task.run(stop).await;
            });
        }
    }

    fn supervise<T: Send + Sync + 'static, F>(
        &self,
        name: &'static str,
        task: &Arc<T>,
        run: impl Fn(Arc<T>, CancellationToken) -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let task = Arc::clone(task);
        let closing = self.closing.clone();
        self.tasks
            .supervisor
            .spawn(name, closing, move |stop| run(Arc::clone(&task), stop));
    }

    /// Subscribes to the changes of one device, or of all.
    pub fn subscribe(&self, device: Option<&str>) -> Subscription {
        self.commits.changes.subscribe(device)
    }

    /// A token that is cancelled when the server closes.
    pub fn closing(&self) -> CancellationToken {
        self.closing.clone()
    }

    /// Begins to stop: the server is not ready any more, so that a load balancer sends no more requests.
    pub fn stop_soon(&self) {
        self.stopping.cancel();
    }

    /// Ends waiting syncs, pages and the background tasks.
    pub fn close(&self) {
        self.stopping.cancel();
        self.closing.cancel();
        self.cluster.resign();
    }

    /// Writes the last failed logins and closes the store. Call it after the last request.
    pub async fn close_store(&self) {
        self.tasks.failed_logins.write_last().await;
        if let Err(error) = self.store.close().await {
            tracing::warn!(%error, "the store was not closed as it should be; nothing is lost");
        }
    }
}
