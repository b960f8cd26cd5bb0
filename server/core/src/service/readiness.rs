//! Whether the host can serve now.

use super::Service;
use crate::log::LogThrottle;
use std::time::Duration;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

/// How long the store may take to say that it can serve.
const LONGEST: Duration = Duration::from_secs(2);

/// The host looks no more often than this, however often it is asked: strangers may ask, and a look writes.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often the log repeats why the host can't serve, while the reason is the same.
const LOG_INTERVAL: Duration = Duration::from_secs(30);

/// How the host stands. No word of it is a secret, an address or a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// Why it can't serve.
    pub failures: Vec<String>,
    /// What doesn't work, though the host serves without it.
    pub degraded: Vec<String>,
}

/// When the host was looked at, and how it stood.
pub(super) struct LastLook {
    last: Mutex<Option<(Instant, Look)>>,
    repeated: LogThrottle,
}

impl Default for LastLook {
    fn default() -> Self {
        Self {
            last: Mutex::default(),
            repeated: LogThrottle::every(LOG_INTERVAL),
        }
    }
}

/// What was seen at a look.
#[derive(Clone, Default, PartialEq, Eq)]
struct Look {
    readiness: Readiness,
    /// What the store said, for the log alone.
    store: Option<String>,
}

impl Service {
    /// How the host stands: as it was found within the last second.
    pub async fn readiness(&self) -> Readiness {
        if self.stopping.is_cancelled() {
            return Readiness {
                failures: vec!["the host is stopping".into()],
                degraded: Vec::new(),
            };
        }
        let mut last = self.last_look.last.lock().await;
        let before = match &*last {
            Some((at, look)) if at.elapsed() < LOOK_EVERY => return look.readiness.clone(),
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
                let is_due = self.last_look.repeated.admit().is_some();
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
        match timeout(LONGEST, self.store.probe()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                failures.push(error.in_public().to_owned());
                store = Some(error.to_string());
            }
            Err(_) => failures.push(format!(
                "the store did not answer within {} s",
                LONGEST.as_secs()
            )),
        }
        for task in self.supervisor.failing() {
            failures.push(format!(
                "the background task {task} keeps failing: the host's log says why"
            ));
        }
        let mut degraded = Vec::new();
        if let Some(Err(_)) = self.wake_up_connection() {
            degraded.push("the broker that wakes agents can't be reached".to_owned());
        }
        if self.undecided_restore().is_some() {
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
