//! The log of plugin failures, limited in lines per second and in the length of a plugin's text and backtrace: a plugin
//! that fails constantly fills no disk and hides no other line.

use crate::{
    Function, Limit, Observer, Plugin, PluginError,
    messages::{Message, MessageLevel, MessageSource, Messages},
    shortened,
    substitute::Substitute,
};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use std::{fmt::Display, num::NonZeroU32, sync::Arc};
use tracing::Level;

/// Writes the lines within the limit.
pub struct PluginLog {
    failures: DefaultDirectRateLimiter,
    /// Of their own, so that a plugin that writes much hides no failure.
    messages: DefaultDirectRateLimiter,
    observer: Arc<dyn Observer>,
}

impl PluginLog {
    /// A log with this limit of lines per second; a burst may have four times as many.
    pub(crate) fn new(lines: NonZeroU32, observer: Arc<dyn Observer>) -> Self {
        let burst = lines.saturating_mul(const { NonZeroU32::new(4).unwrap() });
        let limiter = || RateLimiter::direct(Quota::per_second(lines).allow_burst(burst));
        Self {
            failures: limiter(),
            messages: limiter(),
            observer,
        }
    }

    /// A call about this device failed on this plugin. The backtrace is for the plugin's maintainer; callers get the
    /// error alone.
    pub(crate) fn failed(
        &self,
        function: Function,
        (device, plugin): (&str, String),
        error: &PluginError,
        backtrace: Option<&str>,
    ) {
        if self.admits(&self.failures) {
            let error = shortened(error.to_string());
            // Quoted, with control characters escaped: the plugin chose the names in it.
            tracing::warn!(%function, device, plugin, error, backtrace, "a plugin's call failed");
        }
    }

    /// The messages that a plugin wrote during a call. They are also kept with the plugin.
    pub(crate) fn messages(&self, plugin: &Plugin, source: &MessageSource<'_>, messages: Messages) {
        for message in messages.lines {
            if self.admits(&self.messages) {
                write(&plugin.digest(), source, &message);
            }
            plugin.keep_message(source.of(message));
        }
        if messages.dropped > 0 {
            self.observer.limit_reached(Limit::Log);
        }
    }

    /// Another plugin than the active one decided a call about this device.
    pub(crate) fn substituted(&self, device: &str, substitute: &Substitute) {
        if self.admits(&self.failures) {
            let Substitute {
                function,
                plugin,
                decided_by,
                failure,
            } = substitute;
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

    /// The plugin did not end a command whose expiry is over.
    pub fn did_not_expire(&self, device: &str, command: &str, error: &impl Display) {
        if self.admits(&self.failures) {
            let error = shortened(error.to_string());
            tracing::warn!(device, command, error, "did not expire");
        }
    }

    fn admits(&self, lines: &DefaultDirectRateLimiter) -> bool {
        let admits = lines.check().is_ok();
        if !admits {
            self.observer.limit_reached(Limit::Log);
        }
        admits
    }
}

/// Writes a message at its level. The text is quoted, with control characters escaped: it is the plugin's own.
fn write(plugin: &str, source: &MessageSource<'_>, message: &Message) {
    macro_rules! at {
        ($level:expr) => {
            tracing::event!(
                $level,
                plugin,
                function = %source.function,
                device = source.device,
                command = source.command,
                text = message.text,
                "a plugin's message"
            )
        };
    }
    match message.level {
        MessageLevel::Trace => at!(Level::TRACE),
        MessageLevel::Debug => at!(Level::DEBUG),
        MessageLevel::Info => at!(Level::INFO),
        MessageLevel::Warn => at!(Level::WARN),
        MessageLevel::Error | MessageLevel::Critical => at!(Level::ERROR),
    }
}
