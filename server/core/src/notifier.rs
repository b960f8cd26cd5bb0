//! Change notifications for open pages. They have no content; the page loads again. So nothing queues up for a slow
//! page, and a change that no page shows costs one lookup.

use mdm_contract::time;
use parking_lot::Mutex;
use std::{collections::HashMap, sync::Arc};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

type Devices = Arc<Mutex<HashMap<String, watch::Sender<u64>>>>;

/// Notifies the subscribers of a device, or of all devices.
pub(crate) struct ChangeNotifier {
    /// Stamp of the changes of all devices.
    fleet: watch::Sender<u64>,
    /// Stamps of the devices that have subscribers.
    devices: Devices,
    closing: CancellationToken,
}

/// Subscription to the changes of one device, or of all.
pub struct Subscription {
    stamp: watch::Receiver<u64>,
    closing: CancellationToken,
    device: Option<(String, Devices)>,
}

impl ChangeNotifier {
    pub(crate) fn new(closing: CancellationToken) -> Self {
        Self {
            // Starts at the clock, so that an open page sees another stamp after a restart of the server.
            fleet: watch::Sender::new(time::now()),
            devices: Devices::default(),
            closing,
        }
    }

    /// Notifies subscribers of this device and of the fleet.
    pub(crate) fn changed(&self, device: &str) {
        let stamp = self.next_stamp();
        if let Some(watched) = self.devices.lock().get(device) {
            watched.send_replace(stamp);
        }
    }

    /// Increments the stamp of the fleet.
    fn next_stamp(&self) -> u64 {
        let mut stamp = 0;
        self.fleet.send_modify(|count| {
            *count += 1;
            stamp = *count;
        });
        stamp
    }

    /// Notifies all subscribers.
    pub(crate) fn all_changed(&self) {
        let stamp = self.next_stamp();
        for watched in self.devices.lock().values() {
            watched.send_replace(stamp);
        }
    }

    pub(crate) fn subscribe(&self, device: Option<&str>) -> Subscription {
        let stamp = match device {
            None => self.fleet.subscribe(),
            Some(device) => self
                .devices
                .lock()
                .entry(device.to_owned())
                .or_insert_with(|| watch::Sender::new(*self.fleet.borrow()))
                .subscribe(),
        };
        Subscription {
            stamp,
            closing: self.closing.clone(),
            device: device.map(|device| (device.to_owned(), Arc::clone(&self.devices))),
        }
    }
}

impl Subscription {
    /// A number that grows with every change in the subscription, within one run of the server.
    pub fn stamp(&mut self) -> u64 {
        *self.stamp.borrow_and_update()
    }

    /// Waits for the next change. Returns `false` if the server stops.
    pub async fn changed(&mut self) -> bool {
        tokio::select! {
            biased;
            () = self.closing.cancelled() => false,
            changed = self.stamp.changed() => changed.is_ok(),
        }
    }

    /// Waits until the server stops.
    pub async fn closed(&self) {
        self.closing.cancelled().await;
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some((device, devices)) = &self.device {
            let mut devices = devices.lock();
            // This subscription is still among the receivers.
            if devices
                .get(device)
                .is_some_and(|it| it.receiver_count() == 1)
            {
                devices.remove(device);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn who_looks_at_a_device_hears_of_its_changes_and_of_no_others() {
        let news = ChangeNotifier::new(CancellationToken::new());
        let (mut one, mut all) = (news.subscribe(Some("a")), news.subscribe(None));
        let before = (one.stamp(), all.stamp());
        news.changed("b");
        assert!(all.changed().await && all.stamp() > before.1);
        let waited = tokio::time::timeout(Duration::from_millis(20), one.changed()).await;
        assert!(waited.is_err() && one.stamp() == before.0);
        news.changed("a");
        assert!(one.changed().await && one.stamp() > before.0);
        drop(one);
        assert!(news.devices.lock().is_empty(), "nobody looks any more");
    }

    #[tokio::test]
    async fn a_host_that_stops_lets_those_who_look_go() {
        let closing = CancellationToken::new();
        let mut watcher = ChangeNotifier::new(closing.clone()).subscribe(Some("a"));
        closing.cancel();
        assert!(!watcher.changed().await);
        watcher.closed().await;
    }
}
