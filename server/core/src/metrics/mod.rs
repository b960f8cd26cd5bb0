//! Metrics of the server, for Prometheus. `docs/METRICS.md` defines each metric.
//!
//! Users hold their counters, which are atomic numbers, so that the hot path has no lookup. Label values are words of
//! the contract or of this program, never input: there are few of them, and none is a secret.

mod commands;
mod http;
mod plugins;
mod store;
mod tasks;
mod traces;
mod wake_ups;
mod webhooks;

pub use commands::{CommandCounts, CommandMetrics};
pub use http::{Caller, HttpMetrics};
pub use plugins::PluginMetrics;
pub use store::StoreMetrics;
pub use tasks::TaskMetrics;
pub use traces::TraceMetrics;
pub use wake_ups::WakeUpMetrics;
pub use webhooks::WebhookMetrics;

use mdm_contract::time;
use mdm_password_host::{BreakerTransition, Function, Limit, Observer, PluginError};
use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, gauge::Gauge, info::Info},
    registry::{Registry, Unit},
};
use std::{fmt, time::Duration};

/// Content type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics of one server.
pub struct Metrics {
    registry: Registry,
    /// Plugin calls.
    pub plugins: PluginMetrics,
    /// Commands.
    pub commands: CommandMetrics,
    /// HTTP requests and connections.
    pub http: HttpMetrics,
    /// Commits of the store.
    pub store: StoreMetrics,
    /// Background tasks.
    pub tasks: TaskMetrics,
    /// Export of traces.
    pub traces: TraceMetrics,
    /// Webhooks.
    pub webhooks: WebhookMetrics,
    /// Readiness as of the last read of the metrics: 0 or 1.
    pub ready: Gauge,
    /// Expiry of the TLS certificate, in seconds since 1970; 0 without TLS.
    certificate_expires_at: Gauge,
    /// Leadership of this replica as of the last read of the metrics: 0 or 1.
    pub leader: Gauge,
    /// Wake-ups of agents.
    pub wake_ups: WakeUpMetrics,
    /// Authenticated syncs.
    pub syncs: Counter,
    /// Waiting syncs.
    pub syncs_waiting: Gauge,
    /// Enrolled devices.
    pub enrollments: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("mdm");
        let plugins = PluginMetrics::new(registry.sub_registry_with_prefix("plugin"));
        let commands = CommandMetrics::new(&mut registry);
        let http = HttpMetrics::new(&mut registry);
        let store = StoreMetrics::new(registry.sub_registry_with_prefix("store"));
        let tasks = TaskMetrics::new(registry.sub_registry_with_prefix("background_task"));
        let traces = TraceMetrics::new(registry.sub_registry_with_prefix("trace"));
        let webhooks = WebhookMetrics::new(registry.sub_registry_with_prefix("webhook"));
        let wake_ups = WakeUpMetrics::new(registry.sub_registry_with_prefix("wake_up"));
        let syncs = counter(&mut registry, "syncs", "Syncs of agents that were let in");
        let syncs_waiting = gauge(&mut registry, "syncs_waiting", "Syncs that wait for news");
        let ready = gauge(&mut registry, "ready", "Whether the host can serve");
        let help = "Whether this host ends expired commands, runs bulks and delivers webhooks";
        let leader = gauge(&mut registry, "leader", help);
        let certificate_expires_at = Gauge::default();
        registry.register_with_unit(
            "tls_certificate_expires",
            "When the TLS certificate expires, since 1970; 0 without TLS",
            Unit::Seconds,
            certificate_expires_at.clone(),
        );
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "Which host this is", version);
        let start = Gauge::<i64>::default();
        start.set(i64::try_from(time::now() / 1000).unwrap_or_default());
        let help = "When the host started, since 1970";
        registry.register_with_unit("start_time", help, Unit::Seconds, start);
        let enrollments = counter(&mut registry, "enrollments", "Devices that enrolled");
        Self {
            registry,
            plugins,
            commands,
            http,
            store,
            tasks,
            certificate_expires_at,
            traces,
            webhooks,
            ready,
            leader,
            wake_ups,
            syncs,
            syncs_waiting,
            enrollments,
        }
    }
}

impl Metrics {
    /// Sets the expiry of the TLS certificate, in seconds since 1970.
    pub fn certificate_expires_at(&self, time: u64) {
        self.certificate_expires_at
            .set(i64::try_from(time).unwrap_or(i64::MAX));
    }

    /// All metrics in the OpenMetrics text format.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl Observer for Metrics {
    fn waiting(&self, change: i64) {
        self.plugins.waiting.inc_by(change);
    }

    fn running(&self, change: i64) {
        self.plugins.running.inc_by(change);
    }

    fn ended(&self, function: Function, failure: Option<&PluginError>, time: Duration) {
        self.plugins.ended(function, failure, time);
    }

    fn not_run(&self, function: Function, failure: &PluginError) {
        self.plugins.failed(function, failure);
    }

    fn limit_reached(&self, limit: Limit) {
        self.plugins.reached(limit);
    }

    fn breaker(&self, function: Function, transition: BreakerTransition) {
        self.plugins.breaker(function, transition);
    }
}

/// Guard that a gauge counts for as long as it lives.
pub struct Counted(Gauge);

impl Counted {
    /// Increments the gauge.
    pub fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn counter(registry: &mut Registry, name: &str, help: &str) -> Counter {
    let counter = Counter::default();
    registry.register(name, help, counter.clone());
    counter
}

fn gauge(registry: &mut Registry, name: &str, help: &str) -> Gauge {
    let gauge = Gauge::default();
    registry.register(name, help, gauge.clone());
    gauge
}

#[cfg(test)]
mod tests {
    use super::*;
    use mdm_password_host::{Function, Limit, PluginError};
    use std::time::Duration;

    #[test]
    fn every_limit_stands_there_before_it_is_reached() {
        let text = Metrics::default().text().unwrap();
        for limit in Limit::ALL {
            let line = format!(
                "mdm_plugin_limit_reached_total{{limit=\"{}\"}} 0",
                limit.as_str()
            );
            assert!(text.contains(&line), "no {line} in {text}");
        }
    }

    #[test]
    fn a_call_counts_under_its_outcome_and_the_limit_that_it_broke() {
        let metrics = Metrics::default();
        let plugins = &metrics.plugins;
        plugins.ended(Function::Reset, None, Duration::from_micros(20));
        let slow = PluginError::TooSlow(Duration::from_millis(50));
        plugins.ended(Function::Reset, Some(&slow), Duration::from_millis(51));
        let text = metrics.text().unwrap();
        for line in [
            r#"mdm_plugin_calls_total{function="reset",outcome="decided"} 1"#,
            r#"mdm_plugin_calls_total{function="reset",outcome="plugin-too-slow"} 1"#,
            r#"mdm_plugin_limit_reached_total{limit="time"} 1"#,
            r#"mdm_plugin_call_seconds_bucket{le="0.000025",function="reset"} 1"#,
            r#"mdm_plugin_call_seconds_count{function="reset"} 2"#,
        ] {
            assert!(text.contains(line), "no {line} in {text}");
        }
    }
}
