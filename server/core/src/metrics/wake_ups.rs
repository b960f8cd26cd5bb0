//! Metrics of wake-ups.

use super::gauge;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    result: &'static str,
}

/// Wake-up metrics.
pub struct WakeUpMetrics {
    sent: Counter,
    failed: Counter,
    connected: Gauge,
}

impl WakeUpMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let attempts = Family::<Ended, Counter>::default();
        let help = "Attempts to tell an agent to sync, by what came of them";
        registry.register("attempts", help, attempts.clone());
        let ended = |result| attempts.get_or_create_owned(&Ended { result });
        Self {
            sent: ended("sent"),
            failed: ended("failed"),
            connected: gauge(registry, "connected", "Whether the broker is there"),
        }
    }

    /// Counts an attempt.
    pub fn ended(&self, is_sent: bool) {
        match is_sent {
            true => self.sent.inc(),
            false => self.failed.inc(),
        };
    }

    /// Sets the state of the connection to the broker.
    pub fn set_connected(&self, is_connected: bool) {
        self.connected.set(is_connected.into());
    }
}
