//! Rate limits for unusual requests of agents. Each device has its own allowance, so that a misbehaving agent slows
//! down no other.

use crate::{cluster::Cluster, error::ServerError, limiter::Limiter};
use governor::Quota;
use std::{num::NonZeroU32, sync::Arc};

/// Reports on unknown commands per second. The burst is four times as many.
const UNKNOWN_REPORTS: NonZeroU32 = NonZeroU32::new(5).unwrap();

/// Key changes per minute, and the burst.
const ROTATIONS: NonZeroU32 = NonZeroU32::new(10).unwrap();

/// Rate limits of all devices.
pub(crate) struct AgentRates {
    unknown_reports: Arc<Limiter>,
    rotations: Arc<Limiter>,
}

impl Default for AgentRates {
    fn default() -> Self {
        let at_once = UNKNOWN_REPORTS.saturating_add(3 * UNKNOWN_REPORTS.get());
        let unknown_reports = Quota::per_second(UNKNOWN_REPORTS).allow_burst(at_once);
        let rotations = Quota::per_minute(ROTATIONS);
        Self {
            unknown_reports: Arc::new(Limiter::new("unknown-report", unknown_reports)),
            rotations: Arc::new(Limiter::new("rotation", rotations)),
        }
    }
}

impl AgentRates {
    /// Counts a report on an unknown command.
    pub(super) fn unknown_report(&self, device: &str) -> Result<(), ServerError> {
        let left = self.unknown_reports.check(device);
        left.map(|_| ())
            .ok_or_else(|| ServerError::TooManyUnknownReports(device.to_owned()))
    }

    /// Counts a key change.
    pub(super) fn rotation(&self, device: &str) -> Result<(), ServerError> {
        let left = self.rotations.check(device);
        left.map(|_| ())
            .ok_or_else(|| ServerError::TooManyRotations(device.to_owned()))
    }

    /// Shares the limits with the replicas.
    pub(crate) fn share(&self, cluster: &Cluster) {
        cluster.share_limit(&self.unknown_reports);
        cluster.share_limit(&self.rotations);
    }
}
