//! Health of the server: readiness and metrics.

use crate::{
    cluster::Cluster,
    error::ServerError,
    history::History,
    log::LogThrottle,
    metrics::Metrics,
    platform::{PasswordHost, WakeUps},
    plugins::PluginFollower,
    store::{Store, StoreError},
    supervisor::Supervisor,
};
use mdm_contract::time;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

/// Timeout of the store's probe.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// Cache time of readiness. Strangers may ask for it, and a probe writes to the store.
const CACHE_TIME: Duration = Duration::from_secs(1);

/// Timeout of a count for the metrics. After it they show the previous number.
const COUNT_TIMEOUT: Duration = Duration::from_secs(1);

/// Interval at which the log repeats an unchanged reason for not being ready.
const LOG_INTERVAL: Duration = Duration::from_secs(30);

/// Readiness of the server. Its texts contain no secret, address or name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// Reasons why the server is not ready.
    pub failures: Vec<String>,
    /// Parts that fail while the server still serves.
    pub degraded: Vec<String>,
}

/// The last probe, with its time.
pub(crate) struct ReadinessCache {
    last: Mutex<Option<(Instant, Look)>>,
    repeated: LogThrottle,
}

impl Default for ReadinessCache {
    fn default() -> Self {
        Self {
            last: Mutex::default(),
            repeated: LogThrottle::every(LOG_INTERVAL),
        }
    }
}

/// Result of a probe.
#[derive(Clone, Default, PartialEq, Eq)]
struct Look {
    readiness: Readiness,
    /// Error of the store, for the log only.
    store: Option<String>,
}

/// The health of the server: readiness and metrics.
pub struct Health {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) host: Arc<PasswordHost>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) history: Arc<History>,
    pub(crate) following: Arc<PluginFollower>,
    pub(crate) supervisor: Arc<Supervisor>,
    pub(crate) wake_ups: Option<Arc<WakeUps>>,
    pub(crate) cache: ReadinessCache,
    /// Cancelled when the server begins to stop.
    pub(crate) stopping: CancellationToken,
}

impl Health {
    /// The metrics registry.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// The metrics as text, in the OpenMetrics format.
    pub async fn metrics_text(&self) -> Result<String, ServerError> {
        let is_ready = self.readiness().await.failures.is_empty();
        self.metrics.ready.set(is_ready.into());
        // Metrics matter most while the store fails, so the other ones are returned anyway.
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
        self.metrics
            .leader
            .set(self.cluster.lead().is_some().into());
        let health = self.host.rollout().deployments().active.plugin.health();
        self.metrics
            .plugins
            .set_open(|function| health.open_breakers.iter().any(|it| it == function));
        let is_connected = self
            .wake_ups
            .as_ref()
            .is_some_and(|it| it.connection().is_ok());
        self.metrics.wake_ups.set_connected(is_connected);
        let failed = |error: std::fmt::Error| StoreError::Failed(error.to_string());
        Ok(self.metrics.text().map_err(failed)?)
    }

    /// Current readiness, cached for up to `CACHE_TIME`.
    pub async fn readiness(&self) -> Readiness {
        if self.stopping.is_cancelled() {
            return Readiness {
                failures: vec!["the host is stopping".into()],
                degraded: Vec::new(),
            };
        }
        let mut last = self.cache.last.lock().await;
        let before = match &*last {
            Some((at, look)) if at.elapsed() < CACHE_TIME => return look.readiness.clone(),
            Some((_, look)) => look.clone(),
            None => Look::default(),
        };
        let now = self.look().await;
        let Readiness { failures, degraded } = &now.readiness;
        let is_news = now != before;
        match failures.is_empty() {
            true if is_news => tracing::info!(?degraded, "ready"),
            true => {}
            false => {
                let is_due = self.cache.repeated.admit().is_some();
                if is_news || is_due {
                    let store = now.store.as_deref();
                    tracing::error!(?failures, store, ?degraded, "not ready");
                }
            }
        }
        let readiness = now.readiness.clone();
        *last = Some((Instant::now(), now));
        readiness
    }

    async fn look(&self) -> Look {
        let mut failures = Vec::new();
        let mut store = None;
        match timeout(PROBE_TIMEOUT, self.store.probe()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                failures.push(error.in_public().to_owned());
                store = Some(error.to_string());
            }
            Err(_) => failures.push(format!(
                "the store did not answer within {} s",
                PROBE_TIMEOUT.as_secs()
            )),
        }
        for task in self.supervisor.failing() {
            failures.push(format!(
                "the background task {task} keeps failing: the host's log says why"
            ));
        }
        let mut degraded = Vec::new();
        if self
            .wake_ups
            .as_ref()
            .is_some_and(|it| it.connection().is_err())
        {
            degraded.push("the broker that wakes agents can't be reached".to_owned());
        }
        if self.history.undecided_restore().is_some() {
            let text = "the store was replaced by an older one: commands from before are held until an admin decides";
            degraded.push(text.to_owned());
        }
        if self.following.is_behind() {
            let text = "the plugin that another replica chose is not used here yet: the host's log says why";
            degraded.push(text.to_owned());
        }
        Look {
            readiness: Readiness { failures, degraded },
            store,
        }
    }
}
