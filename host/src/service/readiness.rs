//! Whether the host can serve now.

use super::Service;
use std::time::Duration;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

/// How long the store may take to say that it can serve.
const LONGEST: Duration = Duration::from_secs(2);

/// The host looks no more often than this, however often it is asked: strangers may ask, and a look writes.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How the host stands. No word of it is a secret, an address or a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// Why it can't serve.
    pub failures: Vec<String>,
    /// What doesn't work, though the host serves without it.
    pub degraded: Vec<String>,
}

/// When the host was looked at, and how it stood.
#[derive(Default)]
pub(super) struct LastLook(Mutex<Option<(Instant, Readiness)>>);

impl Service {
    /// How the host stands: as it was found within the last second.
    pub async fn readiness(&self) -> Readiness {
        let mut last = self.last_look.0.lock().await;
        let before = match &*last {
            Some((at, readiness)) if at.elapsed() < LOOK_EVERY => return readiness.clone(),
            Some((_, readiness)) => readiness.clone(),
            None => Readiness::default(),
        };
        let now = self.look().await;
        if now != before {
            let Readiness { failures, degraded } = &now;
            match failures.is_empty() {
                true => tracing::info!(?degraded, "ready"),
                false => tracing::error!(?failures, ?degraded, "not ready"),
            }
        }
        *last = Some((Instant::now(), now.clone()));
        now
    }

    async fn look(&self) -> Readiness {
        let mut failures = Vec::new();
        match timeout(LONGEST, self.store.probe()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::debug!(%error, "the store can't serve");
                failures.push(error.in_public().to_owned());
            }
            Err(_) => failures.push(format!(
                "the store did not answer within {} s",
                LONGEST.as_secs()
            )),
        }
        let mut degraded = Vec::new();
        if let Some(Err(_)) = self.wake_up_connection() {
            degraded.push("the broker that wakes agents can't be reached".to_owned());
        }
        if self.following.is_behind() {
            let text = "the plugin that another replica chose is not used here yet: the host's log says why";
            degraded.push(text.to_owned());
        }
        Readiness { failures, degraded }
    }
}
