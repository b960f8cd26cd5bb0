//! Long poll: a sync without changes waits here until its device's outbox changes.

use parking_lot::Mutex;
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// The time for which a device counts as online after a waiting sync was answered: it carries out commands, and then
/// syncs again.
pub const BETWEEN_SYNCS: Duration = Duration::from_secs(5);

/// The devices online.
#[derive(Default)]
pub struct AgentSync {
    devices: Arc<Mutex<HashMap<String, Presence>>>,
}

struct Presence {
    /// Counts the changes; its receivers are the waiting syncs.
    news: watch::Sender<u64>,
    /// The number of syncs that are ready to wait.
    waiting: usize,
    /// The time of the response to a sync that was ready to wait.
    answered: Option<Instant>,
}

/// A running sync.
pub struct Contact {
    device: String,
    devices: Arc<Mutex<HashMap<String, Presence>>>,
    news: watch::Receiver<u64>,
    is_ready_to_wait: bool,
    is_answered: bool,
}

impl AgentSync {
    /// Wakes all waiting syncs: any device may have changed.
    pub fn wake_all(&self) {
        for presence in self.devices.lock().values() {
            presence.news.send_modify(|count| *count += 1);
        }
    }

    /// Registers a sync, which may be ready to wait. Changes from this moment on wake it.
    pub fn contact(&self, device: &str, is_ready_to_wait: bool) -> Contact {
        let mut devices = self.devices.lock();
        let presence = devices
            .entry(device.to_owned())
            .or_insert_with(|| Presence {
                news: watch::Sender::new(0),
                waiting: 0,
                answered: None,
            });
        presence.waiting += usize::from(is_ready_to_wait);
        Contact {
            device: device.to_owned(),
            devices: Arc::clone(&self.devices),
            news: presence.news.subscribe(),
            is_ready_to_wait,
            is_answered: false,
        }
    }
}

impl Contact {
    /// Returns when there was a change since the last call, or since the sync began.
    pub async fn news(&mut self) {
        if self.news.changed().await.is_err() {
            // No change can come any more; the sync ends by its timeout.
            std::future::pending::<()>().await;
        }
    }

    /// Ends a sync with its response.
    pub fn answered(mut self) {
        self.is_answered = true;
    }
}

impl Drop for Contact {
    fn drop(&mut self) {
        let mut devices = self.devices.lock();
        if let Some(presence) = devices.get_mut(&self.device) {
            if self.is_ready_to_wait {
                presence.waiting -= 1;
                presence.answered = self.is_answered.then(Instant::now);
            }
            // This sync is still among the receivers.
            if presence.answered.is_none() && presence.news.receiver_count() == 1 {
                devices.remove(&self.device);
            }
        }
    }
}

impl AgentSync {
    /// Returns `true` if a sync of the device waits here, or was answered a moment ago.
    pub fn is_online(&self, device: &str) -> bool {
        self.devices.lock().get(device).is_some_and(|presence| {
            presence.waiting > 0
                || presence
                    .answered
                    .is_some_and(|at| at.elapsed() < BETWEEN_SYNCS)
        })
    }

    /// Wakes the waiting syncs of this device.
    pub fn wake(&self, device: &str) {
        if let Some(presence) = self.devices.lock().get(device) {
            presence.news.send_modify(|count| *count += 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[tokio::test]
    async fn news_that_comes_between_two_looks_is_not_missed() {
        let transport = AgentSync::default();
        let mut contact = transport.contact("a", true);
        transport.wake("a");
        contact.news().await;
        let again = contact.news().now_or_never();
        assert!(again.is_none(), "the same news came twice");
    }

    #[tokio::test]
    async fn every_sync_of_a_device_is_woken_also_beside_one_that_nobody_reads_any_more() {
        let transport = AgentSync::default();
        let _stale = transport.contact("a", true);
        let mut fresh = transport.contact("a", true);
        transport.wake("a");
        fresh.news().await;
    }

    #[test]
    fn a_device_is_online_while_it_waits_and_shortly_after_an_answer_and_not_when_cut_off() {
        let transport = AgentSync::default();
        assert!(!transport.is_online("a"));
        let contact = transport.contact("a", true);
        assert!(transport.is_online("a"));
        drop(contact);
        assert!(!transport.is_online("a"));
        let passing = transport.contact("a", false);
        assert!(!transport.is_online("a"), "it only passes by");
        passing.answered();
        assert!(!transport.is_online("a"));
        transport.contact("a", true).answered();
        assert!(transport.is_online("a"));
    }
}
