//! What the host tells of its doings: lines on standard error, and spans for a collector of traces.

use super::otlp::{Collector, Exports, share};
use crate::metrics::TraceMetrics;
use anyhow::Context as _;
use clap::Args;
use mdm_wire::log_fields::EscapedFields;
use std::io::{IsTerminal as _, stderr};
use tracing::Level;
use tracing_subscriber::{
    EnvFilter, Layer as _, filter::Targets, fmt, layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

/// At `debug`, the database's client would log all that is written: hashes of passwords, and what is sealed.
const NO_ROWS: &str = "tokio_postgres=info";

#[derive(Args)]
pub(super) struct LogOptions {
    /// What to log: error, warn, info, debug, trace, or a list such as mdm_host=debug,warn. With
    /// mdm_host=debug, a command is followed by its id from the request to the report.
    #[arg(long, env = "MDM_LOG", default_value = "info")]
    log: String,
    /// Send spans to this collector of traces, by OTLP over HTTP: http://collector:4318. What it wants to be
    /// authorized by is read from OTEL_EXPORTER_OTLP_HEADERS.
    #[arg(long, value_name = "URL")]
    otlp: Option<Collector>,
    /// Which share of the traces to send that begin at this host; of the others, their callers decide.
    #[arg(long, value_name = "SHARE", default_value = "1", value_parser = share, requires = "otlp")]
    otlp_share: f64,
}

impl LogOptions {
    /// Logs from now on, and exports until what is returned ends.
    pub(super) fn start(&self, metrics: &TraceMetrics) -> anyhow::Result<Option<Exports>> {
        let filter = EnvFilter::try_new(&self.log)
            .with_context(|| format!("`{}` says not what to log: try info", self.log))?
            .add_directive(NO_ROWS.parse()?);
        let lines = fmt::layer()
            .fmt_fields(EscapedFields)
            .with_ansi(stderr().is_terminal())
            .with_writer(stderr)
            .with_filter(filter);
        let exports = self
            .otlp
            .as_ref()
            .map(|collector| collector.exports(self.otlp_share, metrics.clone()))
            .transpose()?;
        // Only what this program tells: others may say more than is known of them.
        let ours = Targets::new().with_target(env!("CARGO_CRATE_NAME"), Level::DEBUG);
        let spans = exports.as_ref().map(|exports| {
            tracing_opentelemetry::layer()
                .with_tracer(exports.tracer())
                .with_location(false)
                .with_threads(false)
                .with_tracked_inactivity(false)
                .with_filter(ours)
        });
        tracing_subscriber::registry()
            .with(lines)
            .with(spans)
            .init();
        // What a library quotes in a panic goes through the log, escaped like everything else.
        std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
        Ok(exports)
    }
}
