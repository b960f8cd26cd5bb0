//! What the failures of plugins write into the host's log: so many lines a second, each with no more than the
//! beginning of what the plugin said, and of where in it that was. A plugin that fails all the time fills no disk,
//! and hides nobody else's lines.

use super::stand_in::StandIn;
use crate::metrics::Metrics;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use mdm_password_host::{Function, Limit, PluginError, shortened};
use std::{fmt::Display, num::NonZeroU32, sync::Arc};

/// Writes those lines, as long as there are not too many.
pub(super) struct PluginLog {
    lines: DefaultDirectRateLimiter,
    metrics: Arc<Metrics>,
}

impl PluginLog {
    /// So many lines a second; for a moment, four times as many.
    pub(super) fn new(lines: NonZeroU32, metrics: Arc<Metrics>) -> Self {
        let at_once = lines.saturating_mul(const { NonZeroU32::new(4).unwrap() });
        Self {
            lines: RateLimiter::direct(Quota::per_second(lines).allow_burst(at_once)),
            metrics,
        }
    }

    /// A call about this device failed on this plugin. The backtrace is for who maintains the plugin: who called is
    /// told the words alone.
    pub(super) fn failed(
        &self,
        function: Function,
        (device, plugin): (&str, String),
        error: &PluginError,
        backtrace: Option<&str>,
    ) {
        if self.admits() {
            let error = shortened(error.to_string());
            // As text in quotes, in which control characters are escaped: the names in it are the plugin's.
            tracing::warn!(%function, device, plugin, error, backtrace, "a plugin's call failed");
        }
    }

    /// Another plugin than the active one decided a call about this device.
    pub(super) fn stood_in(&self, device: &str, stand_in: &StandIn) {
        if self.admits() {
            let StandIn {
                function,
                plugin,
                decided_by,
                failure,
            } = stand_in;
            let failure = failure.unwrap_or("out-of-service");
            tracing::warn!(
                %function,
                device,
                plugin,
                decided_by,
                failure,
                "another plugin decided in place of the active one"
            );
        }
    }

    /// A command whose time is over did not end.
    pub(super) fn did_not_expire(&self, device: &str, command: &str, error: &impl Display) {
        if self.admits() {
            let error = shortened(error.to_string());
            tracing::warn!(device, command, error, "did not expire");
        }
    }

    fn admits(&self) -> bool {
        let admits = self.lines.check().is_ok();
        if !admits {
            self.metrics.plugins.reached(Limit::Log);
        }
        admits
    }
}
