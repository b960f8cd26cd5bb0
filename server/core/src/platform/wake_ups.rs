//! Wake-ups: messages that make agents sync. A commit queues the device here without waiting, and the wake-up is sent
//! at once. It may be lost: the time of the next wake-up is committed with the command, and repeats until its outcome,
//! also after a crash. In addition, every agent syncs at intervals.

use crate::{
    keys::HostKeys,
    metrics::Metrics,
    store::Store,
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
use tokio_util::sync::CancellationToken;

/// The interval of checks for devices to wake again.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Devices that are claimed from the store, or taken from the queue, at a time.
const PAGE: u32 = 500;

/// Wake-ups that are sent at one time.
const MAX_CONCURRENT: usize = 64;

/// The length of the queue. Devices beyond it are woken when the store has them due.
const MAX_QUEUED: usize = 10_000;

/// The tolerance for a late sync, in milliseconds, after which a device counts as unreachable.
const SYNC_TOLERANCE: u64 = 60_000;

/// Sends wake-ups to agents.
pub(crate) struct WakeUps {
    channel: Arc<dyn WakeUp>,
    keys: Arc<HostKeys>,
    /// The interval of syncs without wake-ups, in seconds.
    sync_every: u32,
    news: mpsc::Sender<String>,
    to_tell: Mutex<mpsc::Receiver<String>>,
}

impl WakeUps {
    /// Wakes agents through this client. Agents also sync at this interval, in seconds.
    pub(crate) fn new(channel: Arc<dyn WakeUp>, keys: Arc<HostKeys>, sync_every: u32) -> Self {
        let (news, to_tell) = mpsc::channel(MAX_QUEUED);
        Self {
            channel,
            keys,
            sync_every,
            news,
            to_tell: Mutex::new(to_tell),
        }
    }

    /// Queues a device. If the queue is full, the store's schedule wakes the device later.
    pub(crate) fn add(&self, device: &str) {
        let _ = self.news.try_send(device.to_owned());
    }

    /// Returns an error if agents can't be woken now.
    pub(crate) fn connection(&self) -> Result<(), NotWoken> {
        self.channel.connection()
    }

    /// The topic of a device's wake-ups.
    pub(crate) fn address(&self, device: &str) -> WakeUpAt {
        WakeUpAt {
            url: self.channel.url().to_owned(),
            topic: self.keys.wake_up_topic(device),
            sync_every_seconds: self.sync_every,
        }
    }

    async fn wake(&self, device: &str) -> Result<(), NotWoken> {
        self.channel.wake(&self.keys.wake_up_topic(device)).await
    }

    /// Returns `true` if a device with this last sync can be woken now.
    pub(crate) fn reaches(&self, last_sync: Timestamp, now: Timestamp) -> bool {
        let silence = u64::from(self.sync_every) * 1000 + SYNC_TOLERANCE;
        now < last_sync.saturating_add(silence) && self.channel.connection().is_ok()
    }
}

/// The background task that wakes agents.
pub(crate) struct WakeUpTask {
    pub(crate) wake_ups: Arc<WakeUps>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) metrics: Arc<Metrics>,
}

impl WakeUpTask {
    /// Wakes agents until the server stops.
    pub(crate) async fn run(&self, closing: CancellationToken) {
        let mut to_tell = self.wake_ups.to_tell.lock().await;
        let mut clock = interval(POLL_INTERVAL);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut devices = Vec::new();
        while !closing.is_cancelled() {
            tokio::select! {
                _ = to_tell.recv_many(&mut devices, PAGE as usize) => {}
                _ = clock.tick() => {
                    devices = self.due().await;
                    if devices.len() == PAGE as usize {
                        clock.reset_immediately();
                    }
                }
                () = closing.cancelled() => {}
            }
            devices.sort_unstable();
            devices.dedup();
            stream::iter(devices.drain(..))
                .for_each_concurrent(MAX_CONCURRENT, |device| self.tell(device))
                .await;
        }
    }

    /// The devices to wake again. None are claimed without a connection: each claim postpones the next.
    async fn due(&self) -> Vec<String> {
        if self.wake_ups.connection().is_err() {
            return Vec::new();
        }
        let due = self.store.claim_wake_ups(time::now(), PAGE).await;
        due.unwrap_or_else(|error| {
            tracing::warn!(%error, "repeated wake-ups were not sent");
            Vec::new()
        })
    }

    async fn tell(&self, device: String) {
        let told = self.wake_ups.wake(&device).await;
        match &told {
            Ok(()) => tracing::debug!(device, "told to sync"),
            Err(error) => tracing::debug!(device, %error, "not told to sync"),
        }
        self.metrics.wake_ups.ended(told.is_ok());
    }
}
