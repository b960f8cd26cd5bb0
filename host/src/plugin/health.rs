//! How a plugin does: its calls, how many of them failed and why, and whether it is in service.

use super::{PluginError, breaker::Breaker};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

/// How a plugin does, since this host loaded it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthReport {
    /// Its calls, whatever it decided.
    pub calls: u64,
    /// Those that failed, by kind of failure.
    pub failures: BTreeMap<String, u64>,
    /// Whether it failed too often in a row: then it is only tried now and then.
    pub out_of_service: bool,
}

/// The health of one plugin.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<(HealthReport, Breaker)>);

impl Health {
    /// Whether a call may be made now.
    pub(super) fn admits(&self) -> bool {
        self.lock().1.admits(Instant::now())
    }

    /// Takes note of how a call ended. True: that put the plugin out of service.
    pub(super) fn note(&self, failure: Option<&PluginError>) -> bool {
        let failure = failure.filter(|failure| failure.is_the_plugins_fault());
        let (report, breaker) = &mut *self.lock();
        report.calls += 1;
        if let Some(failure) = failure {
            *report
                .failures
                .entry(failure.kind().to_owned())
                .or_default() += 1;
        }
        breaker.note(failure.is_some(), Instant::now())
    }

    pub(super) fn report(&self) -> HealthReport {
        let (report, breaker) = &*self.lock();
        HealthReport {
            out_of_service: breaker.is_out(),
            ..report.clone()
        }
    }

    fn lock(&self) -> MutexGuard<'_, (HealthReport, Breaker)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
