//! The schedule of repeated wake-ups: the time of the next one is written with each command in the outbox. So the
//! device is woken even if the server that made the command was killed.

use super::StoreError;
use async_trait::async_trait;
use mdm_contract::time::Timestamp;

/// The time after a request at which its device is woken again if there is no outcome, in milliseconds. The first
/// wake-up is sent at once.
pub const FIRST_PAUSE: u64 = 5_000;

/// Maximum interval between two wake-ups, in milliseconds.
pub const MAX_BACKOFF: u64 = 3_600_000;

/// The devices to wake again.
#[async_trait]
pub trait WakeUps: Send + Sync + 'static {
    /// Claims up to `limit` pending commands that are due at `now`, and returns their devices: possibly twice, and
    /// without revoked ones. A claim is exclusive. It postpones the next wake-up by the time that the command has
    /// waited so far, at least [`FIRST_PAUSE`] and at most [`MAX_BACKOFF`]. A command that is due later than that is
    /// due now, because the clock was set back.
    async fn claim_wake_ups(&self, now: Timestamp, limit: u32) -> Result<Vec<String>, StoreError>;
}
