//! Metrics of the store's commits.

use prometheus_client::{
    metrics::{counter::Counter, histogram::Histogram},
    registry::{Registry, Unit},
};
use std::time::Duration;

/// In seconds: a commit waits for the disk or for the network.
const BUCKETS: [f64; 12] = [
    250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 1.0, 5.0,
];

/// Jobs per commit.
const JOBS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// Metrics of all commits to the store.
#[derive(Clone)]
pub struct StoreMetrics {
    seconds: Histogram,
    jobs: Histogram,
    failures: Counter,
}

impl Default for StoreMetrics {
    fn default() -> Self {
        Self {
            seconds: Histogram::new(BUCKETS),
            jobs: Histogram::new(JOBS),
            failures: Counter::default(),
        }
    }
}

impl StoreMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let help = "How long commits of the store took, with the work of their jobs";
        registry.register_with_unit("commit", help, Unit::Seconds, metrics.seconds.clone());
        let help = "How many jobs shared a commit of the store";
        registry.register("commit_jobs", help, metrics.jobs.clone());
        let help = "Commits of the store that failed";
        registry.register("commit_failures", help, metrics.failures.clone());
        metrics
    }

    /// Counts a commit of these jobs, also a failed one.
    pub fn committed(&self, jobs: usize, took: Duration, is_durable: bool) {
        self.seconds.observe(took.as_secs_f64());
        self.jobs
            .observe(u32::try_from(jobs).unwrap_or(u32::MAX).into());
        if !is_durable {
            self.failures.inc();
        }
    }
}
