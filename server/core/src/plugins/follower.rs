//! State of this replica's plugin compared with the choice of other replicas.

use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

/// Follows the choices of other replicas.
#[derive(Default)]
pub(crate) struct PluginFollower {
    /// Notified when another replica chose a plugin.
    pub(crate) chosen: Notify,
    is_behind: AtomicBool,
}

impl PluginFollower {
    /// Returns `true` while this replica does not use the chosen plugin.
    pub(crate) fn is_behind(&self) -> bool {
        self.is_behind.load(Ordering::Relaxed)
    }

    /// Returns the previous value.
    pub(crate) fn set_behind(&self, is_behind: bool) -> bool {
        self.is_behind.swap(is_behind, Ordering::Relaxed)
    }
}
