//! The clock: the time of each call.

use mdm_contract::time::{self, Timestamp};

/// Tells the time, so that a test need not wait for it.
pub trait Clock: Send + Sync + 'static {
    /// The time now, in milliseconds since 1970 in UTC.
    fn now(&self) -> Timestamp;
}

/// The clock of the system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        time::now()
    }
}
