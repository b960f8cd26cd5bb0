//! Whether this replica decides by the plugin that another replica chose.

use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

/// How far this replica follows the choices of others.
#[derive(Default)]
pub(crate) struct PluginFollower {
    /// Notified when another replica chose a plugin.
    pub(crate) chosen: Notify,
    is_behind: AtomicBool,
}

impl PluginFollower {
    /// Returns `true` while the chosen plugin is not used here.
    pub(crate) fn is_behind(&self) -> bool {
        self.is_behind.load(Ordering::Relaxed)
    }

    /// Returns what was so before.
    pub(crate) fn set_behind(&self, is_behind: bool) -> bool {
        self.is_behind.swap(is_behind, Ordering::Relaxed)
    }
}
