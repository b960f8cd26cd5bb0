//! Backoff between attempts to deliver a message.

use std::time::Duration;

/// Minimum backoff.
const MIN_BACKOFF: Duration = Duration::from_secs(2);

/// Maximum backoff.
const MAX_BACKOFF: Duration = Duration::from_secs(3600);

/// Age of an event after which it is given up. An older event is sent at least once.
pub const GIVEN_UP_AFTER: Duration = Duration::from_secs(3 * 24 * 3600);

/// Backoff after this many failures in a row; it doubles each time. `share`, a random `u32`, adds jitter over the
/// second half, so that retries don't come all at once.
pub fn pause_after(failures: u32, share: u32) -> Duration {
    let doubled = 2u32.saturating_pow(failures.saturating_sub(1).min(16));
    let whole = MIN_BACKOFF.saturating_mul(doubled).min(MAX_BACKOFF);
    let half = whole / 2;
    half + half.mul_f64(f64::from(share) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_doubles_up_to_an_hour_and_is_spread_over_its_second_half() {
        assert_eq!(pause_after(1, u32::MAX), MIN_BACKOFF);
        assert_eq!(pause_after(2, u32::MAX), MIN_BACKOFF * 2);
        assert_eq!(pause_after(3, 0), MIN_BACKOFF * 2);
        for failures in [12, 20, u32::MAX] {
            assert_eq!(pause_after(failures, u32::MAX), MAX_BACKOFF);
            assert_eq!(pause_after(failures, 0), MAX_BACKOFF / 2);
        }
    }
}
