//! The observer: a platform's hook for metrics.

use crate::{BreakerTransition, Function, Limit, PluginError};
use std::time::Duration;

/// Observes the calls of plugins. Each method does nothing by default, and must not block.
pub trait Observer: Send + Sync + 'static {
    /// The number of calls that wait for an instance changed by this: `1` or `-1`.
    fn waiting(&self, _change: i64) {}

    /// The number of running calls changed by this: `1` or `-1`.
    fn running(&self, _change: i64) {}

    /// A call has run for this time, and failed or not.
    fn ended(&self, _function: Function, _failure: Option<&PluginError>, _time: Duration) {}

    /// A call failed before it ran.
    fn not_run(&self, _function: Function, _failure: &PluginError) {}

    /// A limit was reached that ends no call by itself: a log line was dropped, or no instance was free. The failure
    /// given to [`Self::ended`] names each other limit.
    fn limit_reached(&self, _limit: Limit) {}

    /// The circuit breaker of a function opened or closed.
    fn breaker(&self, _function: Function, _transition: BreakerTransition) {}
}

/// An observer that ignores everything.
impl Observer for () {}
