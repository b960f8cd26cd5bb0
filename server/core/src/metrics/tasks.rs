//! Background tasks: which run, and how often each was started again.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// What is counted of background tasks.
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

    /// A task runs, or runs no more.
    pub fn up(&self, task: &'static str, is_up: bool) {
        self.up.get_or_create(&Task { task }).set(is_up.into());
        // It stands there from the beginning.
        self.failures.get_or_create(&Task { task }).inc_by(0);
    }

    /// A task panicked or ended.
    pub fn failed(&self, task: &'static str) {
        self.failures.get_or_create(&Task { task }).inc();
    }
}
