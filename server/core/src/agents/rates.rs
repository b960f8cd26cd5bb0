//! Rate limits of what an agent has no reason to do often: each device has its own allowance, so an agent that keeps the
//! host busy for nothing slows no other down.

use crate::{cluster::Cluster, error::ServerError, limiter::Limiter};
use governor::Quota;
use std::{num::NonZeroU32, sync::Arc};

/// Reports on commands that the device does not have: so many a second, and four times as many at one moment.
const UNKNOWN_REPORTS: NonZeroU32 = NonZeroU32::new(5).unwrap();

/// Changes of keys: so many a minute, and as many at one moment.
const ROTATIONS: NonZeroU32 = NonZeroU32::new(10).unwrap();

/// The allowances of all devices.
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
    /// Counts a report on a command that the device does not have.
    pub(super) fn unknown_report(&self, device: &str) -> Result<(), ServerError> {
        let left = self.unknown_reports.check(device);
        left.map(|_| ())
            .ok_or_else(|| ServerError::TooManyUnknownReports(device.to_owned()))
    }

    /// Counts a change of keys.
    pub(super) fn rotation(&self, device: &str) -> Result<(), ServerError> {
        let left = self.rotations.check(device);
        left.map(|_| ())
            .ok_or_else(|| ServerError::TooManyRotations(device.to_owned()))
    }

    /// Shares the allowances with the replicas.
    pub(crate) fn share(&self, cluster: &Cluster) {
        cluster.share_limit(&self.unknown_reports);
        cluster.share_limit(&self.rotations);
    }
}
