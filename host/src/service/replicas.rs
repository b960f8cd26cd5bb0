//! Other replicas of this host, on the same store: what they do is news here, too.

use super::Service;
use crate::{
    limiter::Limiter,
    store::{Changes, Heard},
    transport::Transport as _,
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How often replicas tell each other who called.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// The limits that replicas have together.
#[derive(Default)]
pub(super) struct SharedLimits(Mutex<Vec<Arc<Limiter>>>);

impl SharedLimits {
    fn all(&self) -> Vec<Arc<Limiter>> {
        let limits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        limits.clone()
    }
}

impl Service {
    /// Whether this host does what is to be done once among its replicas.
    pub(super) fn leads(&self) -> bool {
        self.replicas.as_ref().is_none_or(|it| it.leads())
    }

    /// Calls count for this limit at whichever replica they come.
    pub fn share_limit(&self, limit: &Arc<Limiter>) {
        if self.replicas.is_some() {
            limit.share();
            let mut limits = self.limits.0.lock().unwrap_or_else(PoisonError::into_inner);
            limits.push(Arc::clone(limit));
        }
    }

    /// Hears what other replicas do, until the host closes.
    pub async fn hear_replicas(self: Arc<Self>) {
        let Some(replicas) = self.replicas.clone() else {
            return;
        };
        let mut closing = self.closing.subscribe();
        while !*closing.borrow() {
            let heard = tokio::select! {
                heard = replicas.hear() => heard,
                _ = closing.changed() => return,
            };
            match heard {
                Heard::Changes(changes) => self.heard(&changes),
                Heard::Calls(counts) => {
                    for limit in self.limits.all() {
                        counts.iter().for_each(|count| limit.told(count));
                    }
                }
                Heard::Missed => {
                    self.news.all_changed();
                    self.transport.wake_all();
                    self.heard(&Changes {
                        plugin: true,
                        events: true,
                        ..Changes::default()
                    });
                    self.bulks_to_run.notify_one();
                }
            }
        }
    }

    fn heard(self: &Arc<Self>, changes: &Changes) {
        for device in &changes.devices {
            self.news.changed(device);
            self.transport.wake(device);
        }
        for bulk in &changes.bulks {
            self.news.changed(bulk);
        }
        if !changes.bulks.is_empty() {
            self.bulks_to_run.notify_one();
        }
        if changes.events {
            self.events.notify_one();
        }
        if changes.plugin {
            let service = Arc::clone(self);
            tokio::spawn(async move {
                if let Err(error) = service.plugins.follow(service.store.as_ref()).await {
                    tracing::error!(%error, "the plugin that another replica chose is not used here");
                }
            });
        }
    }

    /// Tells other replicas who called here, until the host closes.
    pub async fn tell_replicas(self: Arc<Self>) {
        let Some(replicas) = self.replicas.clone() else {
            return;
        };
        let closing = self.closing.subscribe();
        while !*closing.borrow() {
            tokio::time::sleep(TELL_EVERY).await;
            let limits = self.limits.all();
            let counts: Vec<_> = limits.iter().flat_map(|limit| limit.untold()).collect();
            if !counts.is_empty()
                && let Err(error) = replicas.tell_calls(counts).await
            {
                tracing::warn!(%error, "other replicas don't know who called here");
            }
        }
    }
}
