//! Metrics of background tasks: their state and restarts.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// Background task metrics.
#[derive(Clone, Default)]
pub struct TaskMetrics {
    up: Family<Task, Gauge>,
    failures: Family<Task, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Task {
    task: &'static str,
}

impl TaskMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let help = "Whether a background task runs";
        registry.register("up", help, metrics.up.clone());
        let help = "How often a background task panicked or ended, and was started again";
        registry.register("failures", help, metrics.failures.clone());
        metrics
    }

    /// Sets the state of a task.
    pub fn up(&self, task: &'static str, is_up: bool) {
        self.up.get_or_create(&Task { task }).set(is_up.into());
        // Creates the time series before the first failure.
        self.failures.get_or_create(&Task { task }).inc_by(0);
    }

    /// Counts a panic or an end of a task.
    pub fn failed(&self, task: &'static str) {
        self.failures.get_or_create(&Task { task }).inc();
    }
}
