//! Applies events of other replicas: changes for open pages and waiting syncs, rate limits, the chosen plugin.

use crate::{
    bulks::Bulks,
    cluster::Cluster,
    commits::Commits,
    platform::{AgentTransport, PasswordHost},
    plugins::{ChosenPlugins, PluginFollower},
    store::{Changes, ReplicaEvent},
};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// Interval of retries to apply the plugin that another replica chose.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Background task that listens to other replicas.
pub struct ReplicaListener {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) commits: Arc<Commits>,
    pub(crate) transport: AgentTransport,
    pub(crate) bulks: Arc<Bulks>,
    pub(crate) host: Arc<PasswordHost>,
    pub(crate) plugins: Arc<ChosenPlugins>,
    pub(crate) following: Arc<PluginFollower>,
}

impl ReplicaListener {
    /// Listens until the server stops.
    pub async fn run(&self, closing: CancellationToken) {
        tokio::join!(self.hear_all(&closing), self.follow_choices(&closing));
    }

    async fn hear_all(&self, closing: &CancellationToken) {
        let Some(replicas) = self.cluster.replicas() else {
            return;
        };
        while !closing.is_cancelled() {
            let heard = tokio::select! {
                heard = replicas.recv() => heard,
                () = closing.cancelled() => return,
            };
            match heard {
                ReplicaEvent::Changes(changes) => self.heard(&changes),
                ReplicaEvent::Calls(counts) => {
                    for limit in self.cluster.limits() {
                        counts.iter().for_each(|count| limit.told(count));
                    }
                }
                ReplicaEvent::Lagged => {
                    self.commits.changes.all_changed();
                    self.transport.sync.wake_all();
                    self.heard(&Changes {
                        plugin: true,
                        events: true,
                        ..Changes::default()
                    });
                    self.bulks.wake_runner();
                }
            }
        }
    }

    fn heard(&self, changes: &Changes) {
        for device in &changes.devices {
            self.commits.changes.changed(device);
            self.transport.sync.wake(device);
        }
        for bulk in &changes.bulks {
            self.commits.changes.changed(bulk);
        }
        if !changes.bulks.is_empty() {
            self.bulks.wake_runner();
        }
        if changes.events {
            self.commits.events.notify_one();
        }
        if changes.plugin {
            self.following.chosen.notify_one();
        }
    }

    /// Applies the plugin that another replica chose. Retries until it succeeds or the server closes, because replicas
    /// must not decide by different rules.
    async fn follow_choices(&self, closing: &CancellationToken) {
        while !closing.is_cancelled() {
            let following = &self.following;
            let pause = async {
                match following.is_behind() {
                    true => tokio::time::sleep(RETRY_INTERVAL).await,
                    false => following.chosen.notified().await,
                }
            };
            tokio::select! {
                () = pause => {}
                () = closing.cancelled() => return,
            }
            let followed = self.plugins.follow(self.host.rollout()).await;
            let was_behind = following.set_behind(followed.is_err());
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
}
