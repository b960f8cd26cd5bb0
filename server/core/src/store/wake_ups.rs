//! When devices are to be woken again: a command that lies in the outbox has a time for that, which is written with it.
//! So a device is woken also if the host that made the command was killed before it could do so.

use super::StoreError;
use async_trait::async_trait;
use mdm_contract::time::Timestamp;

/// The time after a request at which its device is woken again if there is no outcome, in milliseconds. The first
/// wake-up is sent at once.
pub const FIRST_PAUSE: u64 = 5_000;

/// The longest time between two such wake-ups, in milliseconds.
pub const MAX_BACKOFF: u64 = 3_600_000;

/// The devices to wake again.
#[async_trait]
pub trait WakeUps: Send + Sync + 'static {
    /// Claims up to `most` commands without an outcome whose devices are to be woken by `now`, and says which devices
    /// those are; a device may be named twice, one that was revoked is not. Nobody else gets them, and each is due
    /// again after as long as the command has waited so far: no sooner than [`FIRST_PAUSE`], and no later than
    /// [`MAX_BACKOFF`]. One that is due later than that is due now: the clock was set back.
    async fn claim_wake_ups(&self, now: Timestamp, most: u32) -> Result<Vec<String>, StoreError>;
}
