//! Exports spans to a collector: OTLP, protobuf over HTTP. Spans wait in a bounded queue. Spans that a collector does
//! not take are lost; nothing waits for it.

use async_trait::async_trait;
use axum::body::Bytes;
use mdm_server_core::metrics::TraceMetrics;
use opentelemetry::{KeyValue, trace::TracerProvider as _};
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider},
};
use parking_lot::Mutex;
use std::{
    str::FromStr,
    time::{Duration, Instant},
};
use tokio::runtime::Handle;

/// Length of the queue; further spans are lost.
const MAX_WAITING: usize = 8192;

/// Maximum number of spans per export.
const MAX_CONCURRENT: usize = 512;

/// The interval of exports.
const EXPORT_INTERVAL: Duration = Duration::from_secs(1);

/// The time limit of an export, and of all that is left when the server stops.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);

/// The shortest interval of log lines about a collector that fails.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

const NAME: &str = "mdm-server";

/// The URL of a collector.
#[derive(Clone, Debug)]
pub(super) struct Collector(reqwest::Url);

/// Spans on their way to a collector.
pub(super) struct Exports(SdkTracerProvider);

impl FromStr for Collector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url: reqwest::Url = text.parse().map_err(|error| format!("{error}"))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err("a collector is reached at a URL such as http://collector:4318".into());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                "credentials are not to be in the URL: put them into OTEL_EXPORTER_OTLP_HEADERS"
                    .into(),
            );
        }
        Ok(Self(url))
    }
}

/// Which share of traces is wanted.
pub(super) fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("a share is a number from 0 to 1".into()),
    }
}

impl Collector {
    /// Sends this share of the traces that begin here, from now on.
    pub(super) fn exports(&self, share: f64, metrics: TraceMetrics) -> anyhow::Result<Exports> {
        let client = reqwest::Client::builder()
            .timeout(EXPORT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!(
                "{}/v1/traces",
                self.0.as_str().trim_end_matches('/')
            ))
            .with_timeout(EXPORT_TIMEOUT)
            .with_http_client(Client {
                client,
                runtime: Handle::current(),
                metrics,
                trouble: Mutex::default(),
            })
            .build()?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(MAX_WAITING)
            .with_max_export_batch_size(MAX_CONCURRENT)
            .with_scheduled_delay(EXPORT_INTERVAL)
            .build();
        let resource = Resource::builder_empty()
            .with_service_name(NAME)
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(
                BatchSpanProcessor::builder(exporter)
                    .with_batch_config(batches)
                    .build(),
            )
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(
                share,
            ))))
            .with_resource(resource)
            .build();
        Ok(Exports(provider))
    }
}

impl Exports {
    pub(super) fn tracer(&self) -> SdkTracer {
        self.0.tracer(NAME)
    }

    /// Exports the remaining spans, within a short timeout.
    pub(super) async fn end(self) {
        let ended =
            tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(EXPORT_TIMEOUT));
        if let Ok(Err(error)) = ended.await {
            tracing::debug!(%error, "the last spans were not exported");
        }
    }
}

/// Our HTTP client, for the exporter's thread.
#[derive(Debug)]
struct Client {
    client: reqwest::Client,
    /// The exporter has a thread of its own, and the client wants one of the runtime's.
    runtime: Handle,
    metrics: TraceMetrics,
    trouble: Mutex<Option<Trouble>>,
}

/// The collector takes nothing.
#[derive(Debug)]
struct Trouble {
    logged: Instant,
    exports: u64,
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let sent = self
            .runtime
            .spawn(async move { send(&client, request).await });
        let result = match sent.await {
            Ok(result) => result,
            Err(error) => Err(error.into()),
        };
        match &result {
            Ok(answer) if answer.status().is_success() => self.taken(),
            Ok(answer) => self.failed(&format!("it answered {}", answer.status())),
            Err(error) => self.failed(&deepest(error.as_ref())),
        }
        result
    }
}

async fn send(
    client: &reqwest::Client,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, HttpError> {
    let response = client.execute(request.try_into()?).await?;
    let (status, headers) = (response.status(), response.headers().clone());
    let mut answer = Response::new(response.bytes().await?);
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    Ok(answer)
}

impl Client {
    fn taken(&self) {
        self.metrics.taken.inc();
        if self.trouble().take().is_some() {
            tracing::info!("the collector accepts traces again");
        }
    }

    fn failed(&self, error: &str) {
        self.metrics.failed.inc();
        let mut trouble = self.trouble();
        let exports = trouble.as_ref().map_or(0, |it| it.exports) + 1;
        let logged = match &*trouble {
            Some(before) if before.logged.elapsed() < LOG_INTERVAL => before.logged,
            _ => {
                tracing::warn!(
                    error,
                    exports,
                    "traces do not reach their collector, and are lost: is --otlp right, and does it run?"
                );
                Instant::now()
            }
        };
        *trouble = Some(Trouble { logged, exports });
    }

    fn trouble(&self) -> parking_lot::MutexGuard<'_, Option<Trouble>> {
        self.trouble.lock()
    }
}

fn deepest(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.last().map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_a_url_without_credentials() {
        for good in ["http://127.0.0.1:4318", "https://collector.example/tenant/"] {
            assert!(Collector::from_str(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "collector:4318",
            "ftp://collector",
            "http://a:b@collector",
        ] {
            assert!(Collector::from_str(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_share_is_between_nothing_and_all() {
        assert_eq!(share("0.25"), Ok(0.25));
        for bad in ["", "-1", "1.5", "all", "NaN"] {
            assert!(share(bad).is_err(), "{bad}");
        }
    }
}
