//! The log on standard error, and spans for a collector of traces.

use super::otlp::{Collector, Exports, share};
use anyhow::Context as _;
use clap::Args;
use mdm_contract::time;
use mdm_server_core::metrics::TraceMetrics;
use mdm_terminal::{escape::Escaped, log_fields::EscapedFields};
use std::io::{IsTerminal as _, Write as _, stderr};
use tracing::Level;
use tracing_subscriber::{
    EnvFilter, Layer as _, filter::Targets, fmt, layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

/// The prefix of the log targets of all crates of the server.
const OURS: &str = "mdm";

/// Silenced, because at `debug` the database's client logs all values: password hashes and sealed passwords.
const NO_ROWS: &str = "tokio_postgres=info";

#[derive(Args)]
pub(super) struct LogOptions {
    /// The log level: error, warn, info, debug, trace, or a list such as mdm=debug,warn. With mdm=debug, the log
    /// follows a command by its id from the request to the report.
    #[arg(long, env = "MDM_LOG", default_value = "info")]
    log: String,
    /// Send spans to this collector of traces, by OTLP over HTTP: http://collector:4318. The authorization headers come
    /// from OTEL_EXPORTER_OTLP_HEADERS.
    #[arg(long, value_name = "URL")]
    otlp: Option<Collector>,
    /// The share of traces that begin at this server to send. Callers decide on their own traces.
    #[arg(long, value_name = "SHARE", default_value = "1", value_parser = share, requires = "otlp")]
    otlp_share: f64,
}

impl LogOptions {
    /// Starts logging, and exports spans until the returned guard is dropped.
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
        // Only this program's spans: those of libraries may contain secrets.
        let ours = Targets::new().with_target(OURS, Level::DEBUG);
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
        // A panic is printed at every log level, escaped like the log.
        std::panic::set_hook(Box::new(|panic| {
            // Ignored: a panic in the hook would end the process.
            let _ = stderr().write_all(panic_line(&panic.to_string()).as_bytes());
        }));
        Ok(exports)
    }
}

/// The line of a panic, as the log would write it.
fn panic_line(text: &str) -> String {
    let at = time::rfc3339(time::now()).unwrap_or_default();
    format!("{at} ERROR {}\n", Escaped(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mdm_server_core::metrics::Metrics;
    use std::{env, process::Command};

    /// Set in the process that panics.
    const PANICS: &str = "MDM_TEST_PANICS";

    #[test]
    fn a_panic_is_told_on_one_line_whatever_the_log_leaves_out() {
        if env::var_os(PANICS).is_some() {
            let options = LogOptions {
                log: "off".into(),
                otlp: None,
                otlp_share: 1.0,
            };
            options.start(&Metrics::default().traces).unwrap();
            panic!("somebody's name\nforged line \u{1b}[31m");
        }
        let (_, module) = module_path!().split_once("::").unwrap();
        let test = format!("{module}::a_panic_is_told_on_one_line_whatever_the_log_leaves_out");
        let panicked = Command::new(env::current_exe().unwrap())
            .args(["--exact", &test, "--nocapture"])
            .env(PANICS, "1")
            .output()
            .unwrap();
        assert!(!panicked.status.success());
        let said = String::from_utf8(panicked.stderr).unwrap();
        let is_told =
            |line: &str| line.contains("ERROR") && line.contains(r"name\nforged line \u{1b}");
        assert!(said.lines().any(is_told), "{said}");
        assert!(!said.contains('\u{1b}'), "{said}");
    }
}
