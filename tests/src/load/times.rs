//! Durations: histograms, and their summary in a line.

use hdrhistogram::Histogram;
use std::time::Duration;

/// The bounds between which times are counted in tables, in milliseconds.
pub const BOUNDS: [u64; 7] = [1, 2, 5, 10, 20, 50, 100];

/// A histogram of durations.
#[derive(Clone)]
pub struct Times(Histogram<u64>);

impl Default for Times {
    fn default() -> Self {
        // Up to a minute, in microseconds, with two digits.
        #[allow(clippy::expect_used)]
        Self(Histogram::new_with_bounds(1, 60_000_000, 2).expect("bounds that fit"))
    }
}

impl Times {
    /// Adds a time.
    pub fn add(&mut self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.0.saturating_record(micros);
    }

    /// Adds those of another.
    pub fn add_all(&mut self, other: &Self) {
        // Both have the same bounds.
        let _ = self.0.add(&other.0);
    }

    /// The number of durations.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The time within which this part of them was done, in milliseconds.
    pub fn within(&self, part: f64) -> f64 {
        self.0.value_at_quantile(part) as f64 / 1e3
    }

    /// p50, p99 and the longest, as cells of a table.
    pub fn cells(&self) -> String {
        match self.count() {
            0 => "– | – | –".into(),
            _ => format!(
                "{:.1} ms | {:.1} ms | {:.1} ms",
                self.within(0.5),
                self.within(0.99),
                self.0.max() as f64 / 1e3
            ),
        }
    }

    /// The number of durations in each of [`BOUNDS`]; the last number is of those above all bounds.
    pub fn counts(&self) -> [u64; BOUNDS.len() + 1] {
        let mut counts = [0; BOUNDS.len() + 1];
        for value in self.0.iter_recorded() {
            // A bucket has all times that look the same with two digits: the shortest of them names it.
            let micros = self.0.lowest_equivalent(value.value_iterated_to());
            let at = BOUNDS.partition_point(|bound| bound * 1000 < micros);
            counts[at] += value.count_since_last_iteration();
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_is_counted_once_where_it_belongs() {
        let mut times = Times::default();
        for millis in [0, 1, 3, 3, 70, 5000] {
            times.add(Duration::from_millis(millis));
        }
        assert_eq!(times.counts(), [2, 0, 2, 0, 0, 0, 1, 1]);
    }
}
