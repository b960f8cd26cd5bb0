//! Other replicas of this host, on the same store: what they do is news here, too.

use super::Service;
use crate::{
    limiter::Limiter,
    log::LogThrottle,
    store::{Changes, Heard, Lead},
};
use parking_lot::Mutex;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;

/// How often replicas tell each other who called.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// How often a replica tries to use the plugin that another one chose.
const TRY_EVERY: Duration = Duration::from_secs(1);

/// Whether this replica decides by the plugin that another one chose.
#[derive(Default)]
pub(super) struct Following {
    /// Told when one was chosen.
    chosen: Notify,
    is_behind: AtomicBool,
}

impl Following {
    pub(super) fn is_behind(&self) -> bool {
        self.is_behind.load(Ordering::Relaxed)
    }
}

/// The limits that replicas have together.
#[derive(Default)]
pub(super) struct SharedLimits(Mutex<Vec<Arc<Limiter>>>);

impl SharedLimits {
    fn all(&self) -> Vec<Arc<Limiter>> {
        let limits = self.0.lock();
        limits.clone()
    }
}

impl Service {
    /// The right to do what one replica does for all; `None` while another one has it.
    pub(super) fn lead(&self) -> Option<Lead> {
        match &self.replicas {
            Some(replicas) => replicas.lead(),
            None => Some(Lead::ALONE),
        }
    }

    /// Calls count for this limit at whichever replica they come.
    pub fn share_limit(&self, limit: &Arc<Limiter>) {
        if self.replicas.is_some() {
            limit.share();
            let mut limits = self.limits.0.lock();
            limits.push(Arc::clone(limit));
        }
    }

    /// Hears what other replicas do, until the host closes.
    pub async fn hear_replicas(self: Arc<Self>) {
        tokio::join!(self.hear_all(), self.follow_choices());
    }

    async fn hear_all(&self) {
        let Some(replicas) = self.replicas.clone() else {
            return;
        };
        let closing = &self.closing;
        while !closing.is_cancelled() {
            let heard = tokio::select! {
                heard = replicas.hear() => heard,
                () = closing.cancelled() => return,
            };
            match heard {
                Heard::Changes(changes) => self.heard(&changes),
                Heard::Calls(counts) => {
                    for limit in self.limits.all() {
                        counts.iter().for_each(|count| limit.told(count));
                    }
                }
                Heard::Missed => {
                    self.commits.news.all_changed();
                    self.transport.sync.wake_all();
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

    fn heard(&self, changes: &Changes) {
        for device in &changes.devices {
            self.commits.news.changed(device);
            self.transport.sync.wake(device);
        }
        for bulk in &changes.bulks {
            self.commits.news.changed(bulk);
        }
        if !changes.bulks.is_empty() {
            self.bulks_to_run.notify_one();
        }
        if changes.events {
            self.commits.events.notify_one();
        }
        if changes.plugin {
            self.following.chosen.notify_one();
        }
    }

    /// Uses the plugin that another replica chose. While that can't be, this replica decides by other rules than the
    /// others: so it tries until it can, or the host closes.
    async fn follow_choices(&self) {
        let closing = &self.closing;
        while !closing.is_cancelled() {
            let following = &self.following;
            let pause = async {
                match following.is_behind() {
                    true => tokio::time::sleep(TRY_EVERY).await,
                    false => following.chosen.notified().await,
                }
            };
            tokio::select! {
                () = pause => {}
                () = closing.cancelled() => return,
            }
            let followed = self.plugins.follow(self.host.rollout()).await;
            let was_behind = following
                .is_behind
                .swap(followed.is_err(), Ordering::Relaxed);
            match followed {
                Err(error) if !was_behind => {
                    tracing::error!(%error, "the plugin that another replica chose is not used here yet");
                }
                Ok(()) if was_behind => {
                    tracing::info!("the plugin that another replica chose is used here, too");
                }
                _ => {}
            }
        }
    }

    /// Tells other replicas who called here, until the host closes.
    pub async fn tell_replicas(self: Arc<Self>) {
        let Some(replicas) = self.replicas.clone() else {
            return;
        };
        let closing = &self.closing;
        let failures = LogThrottle::every_second();
        while !closing.is_cancelled() {
            tokio::time::sleep(TELL_EVERY).await;
            let limits = self.limits.all();
            let counts: Vec<_> = limits.iter().flat_map(|limit| limit.untold()).collect();
            if !counts.is_empty()
                && let Err(error) = replicas.tell_calls(counts).await
                && let Some(held_back) = failures.admit()
            {
                tracing::warn!(%error, held_back, "other replicas don't know who called here");
            }
        }
    }
}
