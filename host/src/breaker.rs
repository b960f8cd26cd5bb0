//! Circuit breaker: a function that fails repeatedly is no longer called, so that it costs no more time. After each
//! rest, one call tries it again.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

/// The number of consecutive failures that opens the breaker. Any decision, also a refusal, resets the count.
const MAX_FAILURES: u32 = 10;

/// The number of different devices among these failures: one agent's reports must not disable the plugin for all.
const MIN_DEVICES: usize = 3;

/// The time for which a breaker stays open before a call tries the function again.
const REST: Duration = Duration::from_secs(30);

/// The circuit breaker of a function.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures_in_a_row: u32,
    /// The devices of these failures, no more than count.
    devices: BTreeSet<String>,
    out_since: Option<Instant>,
}

impl Breaker {
    /// Returns `true` if a call may be made now. An open breaker lets one call through after each rest.
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

    /// Records a decided call.
    pub(super) fn decided(&mut self) {
        *self = Self::default();
    }

    /// Records a failed call about a device. Returns `true` if this opened the breaker.
    pub(super) fn failed(&mut self, device: &str, now: Instant) -> bool {
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        if self.devices.len() < MIN_DEVICES {
            self.devices.insert(device.to_owned());
        }
        if self.failures_in_a_row < MAX_FAILURES || self.devices.len() < MIN_DEVICES {
            return false;
        }
        self.out_since.replace(now).is_none()
    }

    /// Returns `true` if the breaker is open.
    pub(super) fn is_out(&self) -> bool {
        self.out_since.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEVICES: [&str; MIN_DEVICES] = ["a", "b", "c"];

    /// Fails for one device after the other. Returns `true` if that opened the breaker.
    fn fail(breaker: &mut Breaker, times: u32, devices: &[&str], now: Instant) -> bool {
        let mut devices = devices.iter().cycle();
        (0..times).fold(false, |_, _| {
            breaker.failed(devices.next().unwrap_or(&"a"), now)
        })
    }

    #[test]
    fn failures_in_a_row_put_a_function_out_of_service_and_others_do_not() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..5 {
            assert!(!fail(&mut breaker, MAX_FAILURES - 1, &DEVICES, now));
            breaker.decided();
        }
        assert!(!breaker.is_out() && breaker.admits(now));
        assert!(fail(&mut breaker, MAX_FAILURES, &DEVICES, now));
        assert!(breaker.is_out() && !breaker.admits(now));
    }

    #[test]
    fn what_fails_for_one_device_is_not_taken_from_the_others() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        assert!(!fail(&mut breaker, 1000, &DEVICES[..MIN_DEVICES - 1], now));
        assert!(breaker.admits(now));
        assert!(breaker.failed("c", now), "now it fails for enough of them");
    }

    #[test]
    fn after_a_rest_one_call_tries_and_its_success_puts_the_function_back() {
        let begin = Instant::now();
        let mut breaker = Breaker::default();
        fail(&mut breaker, MAX_FAILURES, &DEVICES, begin);
        let later = begin + REST;
        assert!(breaker.admits(later));
        assert!(!breaker.admits(later), "one call, and not all that wait");
        assert!(!breaker.failed("a", later), "it was out before");
        assert!(!breaker.admits(later + REST / 2));
        let much_later = later + REST;
        assert!(breaker.admits(much_later));
        breaker.decided();
        assert!(!breaker.is_out() && breaker.admits(much_later));
    }
}
