//! Throttles repeated log lines.

use parking_lot::Mutex;
use std::time::{Duration, Instant};

/// Passes one line per interval, and counts the suppressed ones. A failing store fails every request, and a line for
/// each would fill the disk.
pub(crate) struct LogThrottle {
    interval: Duration,
    state: Mutex<State>,
}

struct State {
    last: Option<Instant>,
    held_back: u64,
}

impl LogThrottle {
    /// One line a second.
    pub(crate) const fn every_second() -> Self {
        Self::every(Duration::from_secs(1))
    }

    /// One line in this time.
    pub(crate) const fn every(interval: Duration) -> Self {
        Self {
            interval,
            state: Mutex::new(State {
                last: None,
                held_back: 0,
            }),
        }
    }

    /// Returns the number of lines suppressed since the last one, or `None` if this one is suppressed, too.
    pub(crate) fn admit(&self) -> Option<u64> {
        self.admit_at(Instant::now())
    }

    fn admit_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock();
        if state.last.is_some_and(|last| now < last + self.interval) {
            state.held_back += 1;
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_second_is_let_through_and_says_how_many_were_held_back() {
        let throttle = LogThrottle::every_second();
        let begin = Instant::now();
        let at = |millis| throttle.admit_at(begin + Duration::from_millis(millis));
        assert_eq!(at(0), Some(0));
        assert_eq!((at(1), at(500), at(999)), (None, None, None));
        assert_eq!(at(1000), Some(3));
        assert_eq!(at(5000), Some(0));
    }
}
