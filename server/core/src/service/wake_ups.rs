//! Tells agents to sync. Whoever commits news hands the device over here, and waits for nothing. That is told at once,
//! and need not be told for certain: a command is told of again, at a time that was committed with it, until it has its
//! outcome, whoever was killed meanwhile; and every agent syncs now and then by itself.

use super::Service;
use crate::{
    metrics::WakeUpMetrics,
    transport::{NotWoken, WakeUp},
};
use futures_util::{StreamExt as _, stream};
use mdm_agent_protocol::sync::WakeUpAt;
use mdm_contract::time::{self, Timestamp};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{Mutex, mpsc},
    time::{MissedTickBehavior, interval},
};

/// How often the store is asked whom to wake again.
const EVERY: Duration = Duration::from_secs(1);

/// How many are claimed from the store, or taken of the news, at one time.
const PAGE: u32 = 500;

/// How many are told at one time.
const MOST_AT_ONCE: usize = 64;

/// How much news may wait. What is beyond that is told when the store says so.
const MOST_NEWS: usize = 10_000;

/// How late an agent's sync may be, and be noted, before its device counts as out of reach, in milliseconds.
const LATENESS: u64 = 60_000;

/// What agents are woken by.
pub(super) struct WakeUps {
    road: Arc<dyn WakeUp>,
    /// How often they sync without being told, in seconds.
    sync_every: u32,
    news: mpsc::Sender<String>,
    to_tell: Mutex<mpsc::Receiver<String>>,
}

impl WakeUps {
    fn new(road: Arc<dyn WakeUp>, sync_every: u32) -> Self {
        let (news, to_tell) = mpsc::channel(MOST_NEWS);
        Self {
            road,
            sync_every,
            news,
            to_tell: Mutex::new(to_tell),
        }
    }

    /// Adds a device to those that are told to sync. If too many wait, the store says later that this one is due.
    pub(super) fn add(&self, device: &str) {
        let _ = self.news.try_send(device.to_owned());
    }

    /// Whether a device that synced at this time can be told to sync now.
    pub(super) fn reaches(&self, last_sync: Timestamp, now: Timestamp) -> bool {
        let silence = u64::from(self.sync_every) * 1000 + LATENESS;
        now < last_sync.saturating_add(silence) && self.road.connection().is_ok()
    }
}

impl Service {
    /// The same host, whose agents are told to sync by this, and sync so often without being told, in seconds.
    pub fn with_wake_up(self, road: Arc<dyn WakeUp>, sync_every: u32) -> Self {
        // It is set once, before anything is served.
        let _ = self.transport.wake_ups.set(WakeUps::new(road, sync_every));
        self
    }

    /// Whether agents can be told to sync now, or why not; none: they wait at the host.
    pub fn wake_up_connection(&self) -> Option<Result<(), NotWoken>> {
        self.transport.wake_ups.get().map(|it| it.road.connection())
    }

    /// Tells agents to sync until the host closes.
    pub async fn wake_devices(&self) {
        let Some(wake_ups) = self.transport.wake_ups.get() else {
            return;
        };
        let mut to_tell = wake_ups.to_tell.lock().await;
        let closing = &self.closing;
        let mut clock = interval(EVERY);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut devices = Vec::new();
        while !closing.is_cancelled() {
            tokio::select! {
                _ = to_tell.recv_many(&mut devices, PAGE as usize) => {}
                _ = clock.tick() => {
                    devices = self.due(wake_ups).await;
                    if devices.len() == PAGE as usize {
                        clock.reset_immediately();
                    }
                }
                () = closing.cancelled() => {}
            }
            devices.sort_unstable();
            devices.dedup();
            stream::iter(devices.drain(..))
                .for_each_concurrent(MOST_AT_ONCE, |device| self.tell(wake_ups, device))
                .await;
        }
    }

    /// Whom to wake again. While that can't be done, nobody is claimed: they would be due ever later.
    async fn due(&self, wake_ups: &WakeUps) -> Vec<String> {
        if wake_ups.road.connection().is_err() {
            return Vec::new();
        }
        let due = self.store.claim_wake_ups(time::now(), PAGE).await;
        due.unwrap_or_else(|error| {
            tracing::warn!(%error, "agents were not told again to sync");
            Vec::new()
        })
    }

    async fn tell(&self, wake_ups: &WakeUps, device: String) {
        let told = wake_ups.road.wake(&self.keys.wake_up_topic(&device)).await;
        match &told {
            Ok(()) => tracing::debug!(device, "told to sync"),
            Err(error) => tracing::debug!(device, %error, "not told to sync"),
        }
        self.metrics.wake_ups.ended(told.is_ok());
    }

    /// Where a device's agent is told to sync.
    pub(super) fn wake_up_at(&self, device: &str) -> Option<WakeUpAt> {
        self.transport.wake_ups.get().map(|wake_ups| WakeUpAt {
            url: wake_ups.road.url().to_owned(),
            topic: self.keys.wake_up_topic(device),
            sync_every_seconds: wake_ups.sync_every,
        })
    }

    /// What is counted of it: also whether it can be done now.
    pub(super) fn count_wake_ups(&self, metrics: &WakeUpMetrics) {
        metrics.set_connected(matches!(self.wake_up_connection(), Some(Ok(()))));
    }
}
