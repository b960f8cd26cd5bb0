//! Backoff with jitter: pauses of random length that double up to a maximum, so that a fleet's agents don't return to
//! the server at the same moment.

use std::time::Duration;

/// The pauses between consecutive failed attempts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// Pauses from `first` to `longest`.
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            next: first,
        }
    }

    /// Returns the pause after one more failure: a random time from half of the current maximum to all of it.
    pub(crate) fn pause(&mut self) -> Duration {
        let most = self.next;
        self.next = (most * 2).min(self.longest);
        at_random(most, 2)
    }

    /// Resets the pauses after a success.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }
}

/// A random time from `whole - whole / parts` to `whole`.
pub(crate) fn at_random(whole: Duration, parts: u32) -> Duration {
    let share = f64::from(getrandom::u32().unwrap_or_default()) / f64::from(u32::MAX);
    whole - (whole / parts).mul_f64(share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_anew_after_a_success() {
        let (first, longest) = (Duration::from_millis(100), Duration::from_secs(1));
        let mut backoff = Backoff::new(first, longest);
        for most in [100, 200, 400, 800, 1000, 1000] {
            let most = Duration::from_millis(most);
            let pause = backoff.pause();
            assert!((most / 2..=most).contains(&pause), "{pause:?} of {most:?}");
        }
        backoff.reset();
        assert!(backoff.pause() <= first);
    }

    #[test]
    fn agents_that_were_cut_off_together_come_back_at_different_moments() {
        let longest = Duration::from_secs(10);
        let pauses: BTreeSet<_> = (0..100)
            .map(|_| Backoff::new(longest, longest).pause())
            .collect();
        assert!(pauses.len() > 90, "{pauses:?}");
        let (first, last) = (pauses.first().unwrap(), pauses.last().unwrap());
        assert!(*last - *first > longest / 4, "{first:?} to {last:?}");
    }
}
