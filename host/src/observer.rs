//! The observer: what a platform may count.

use crate::{BreakerTransition, Function, Limit, PluginError};
use std::time::Duration;

/// Is told how calls of plugins go. Each method does nothing unless it is implemented, and must not block.
pub trait Observer: Send + Sync + 'static {
    /// A call waits for an instance (`1`), or waits no longer (`-1`).
    fn waiting(&self, _change: i64) {}

    /// A call runs (`1`), or has ended (`-1`).
    fn running(&self, _change: i64) {}

    /// A call has run for this time, and failed or not.
    fn ended(&self, _function: Function, _failure: Option<&PluginError>, _time: Duration) {}

    /// A call failed before it ran.
    fn not_run(&self, _function: Function, _failure: &PluginError) {}

    /// A limit was reached that ends no call by itself: a line of a log was dropped, or no instance was free. The
    /// failure that [`Self::ended`] gets names each other limit.
    fn limit_reached(&self, _limit: Limit) {}

    /// The circuit breaker of a function opened or closed.
    fn breaker(&self, _function: Function, _transition: BreakerTransition) {}
}

/// Counts nothing.
impl Observer for () {}
