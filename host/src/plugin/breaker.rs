//! A circuit breaker: a plugin that fails again and again is put out of service, so that it costs nobody any
//! more time; now and then one call tries whether it is well again.

use std::time::{Duration, Instant};

/// So many failed calls in a row put a plugin out of service. Calls that it decides, by whatever decision, count
/// as none.
const MOST_FAILURES: u32 = 10;

/// How long a plugin is out of service before a call tries it again.
const REST: Duration = Duration::from_secs(30);

/// Whether a plugin is in service.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures_in_a_row: u32,
    out_since: Option<Instant>,
}

impl Breaker {
    /// Whether a call may be made now. Out of service, one call is let through after each rest.
    pub(super) fn admits(&mut self, now: Instant) -> bool {
        match self.out_since {
            None => true,
            Some(since) if now.duration_since(since) >= REST => {
                self.out_since = Some(now);
                true
            }
            Some(_) => false,
        }
    }

    /// Takes note of how a call ended. True: that put the plugin out of service.
    pub(super) fn note(&mut self, failed: bool, now: Instant) -> bool {
        if !failed {
            *self = Self::default();
            return false;
        }
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        let is_new = self.failures_in_a_row == MOST_FAILURES;
        if self.failures_in_a_row >= MOST_FAILURES {
            self.out_since = Some(now);
        }
        is_new
    }

    /// Whether the plugin is out of service.
    pub(super) fn is_out(&self) -> bool {
        self.out_since.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(begin: Instant) -> Breaker {
        let mut breaker = Breaker::default();
        for number in 1..=MOST_FAILURES {
            assert!(breaker.admits(begin));
            assert_eq!(breaker.note(true, begin), number == MOST_FAILURES);
        }
        breaker
    }

    #[test]
    fn failures_in_a_row_put_a_plugin_out_of_service_and_others_do_not() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..5 {
            for _ in 1..MOST_FAILURES {
                assert!(!breaker.note(true, now));
            }
            breaker.note(false, now);
        }
        assert!(!breaker.is_out() && breaker.admits(now));
        let mut breaker = broken(now);
        assert!(breaker.is_out() && !breaker.admits(now));
    }

    #[test]
    fn after_a_rest_one_call_tries_and_its_success_puts_the_plugin_back() {
        let begin = Instant::now();
        let mut breaker = broken(begin);
        let later = begin + REST;
        assert!(breaker.admits(later));
        assert!(!breaker.admits(later), "one call, and not all that wait");
        assert!(!breaker.note(true, later), "it was out before");
        assert!(!breaker.admits(later + REST / 2));
        let much_later = later + REST;
        assert!(breaker.admits(much_later));
        breaker.note(false, much_later);
        assert!(!breaker.is_out() && breaker.admits(much_later));
    }
}
