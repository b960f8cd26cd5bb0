//! The health of a plugin: its calls, its failures by reason, and its open breakers.

use super::{Function, PluginError, breaker::Breaker};
use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// The health of a plugin since this host loaded it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct HealthReport {
    /// Its calls, with any decision.
    pub calls: u64,
    /// The average time of a call, in microseconds.
    pub average_time: u64,
    /// The time of the longest call, in microseconds.
    pub longest_time: u64,
    /// Those that failed, by kind of failure.
    pub failures: BTreeMap<String, u64>,
    /// The functions with an open breaker.
    pub open_breakers: Vec<String>,
}

/// The transition of a circuit breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerTransition {
    /// Opened, after too many consecutive failures.
    Opened,
    /// Closed: a call was decided again.
    Closed,
}

/// The health of one plugin.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<Notes>);

#[derive(Debug, Default)]
struct Notes {
    calls: u64,
    time: Duration,
    longest: Duration,
    failures: BTreeMap<&'static str, u64>,
    breakers: BTreeMap<Function, Breaker>,
}

impl Health {
    /// Returns `true` if a call of this function may be made now.
    pub(super) fn admits(&self, function: Function) -> bool {
        match self.lock().breakers.get_mut(&function) {
            Some(breaker) => breaker.admits(Instant::now()),
            None => true,
        }
    }

    /// Records the result of a call about a device. Returns the breaker's transition, if it opened or closed.
    pub(super) fn note(
        &self,
        function: Function,
        device: &str,
        failure: Option<&PluginError>,
        time: Duration,
    ) -> Option<BreakerTransition> {
        let mut notes = self.lock();
        notes.calls += 1;
        notes.time += time;
        notes.longest = notes.longest.max(time);
        let breaker = notes.breakers.entry(function).or_default();
        match failure {
            None => {
                let was_out = breaker.is_out();
                breaker.decided();
                was_out.then_some(BreakerTransition::Closed)
            }
            Some(failure) if failure.is_the_plugins_fault() => {
                let is_out = breaker.failed(device, Instant::now());
                *notes.failures.entry(failure.kind()).or_default() += 1;
                is_out.then_some(BreakerTransition::Opened)
            }
            Some(_) => None,
        }
    }

    pub(super) fn report(&self) -> HealthReport {
        let notes = self.lock();
        let failures = notes.failures.iter();
        let breakers = notes.breakers.iter();
        HealthReport {
            calls: notes.calls,
            average_time: micros(notes.time) / notes.calls.max(1),
            longest_time: micros(notes.longest),
            failures: failures
                .map(|(kind, count)| ((*kind).to_owned(), *count))
                .collect(),
            open_breakers: breakers
                .filter(|(_, breaker)| breaker.is_out())
                .map(|(function, _)| function.to_string())
                .collect(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Notes> {
        self.0.lock()
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
