//! Request spans: one span per request connects its log lines and traces. The span has the template of the route, never
//! the path, which may contain a token.

use super::metrics::method_name;
use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use opentelemetry::{
    Context,
    propagation::TextMapPropagator as _,
    trace::{SpanContext, TraceContextExt as _},
};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::{Instrument as _, Span, field::Empty};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use uuid::Uuid;

/// The id of a request, by the caller or else by the server. The response carries it.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The trace that a call belongs to (W3C Trace Context); it is answered with it.
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");

/// The longest request id that is taken from a caller, in bytes.
const MAX_ID_LENGTH: usize = 128;

/// Gives each call its span, and its answer the ids to find it by.
pub(super) async fn follow(route: Option<MatchedPath>, request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let trace = request
        .headers()
        .get(TRACE_PARENT)
        .cloned()
        .and_then(|value| Some((trace_of(request.headers())?, value)));
    let span = tracing::debug_span!(
        "request",
        otel.kind = "server",
        otel.name = %name(&request, route.as_ref()),
        http.request.method = method_name(request.method()),
        http.route = route.as_ref().map(MatchedPath::as_str),
        http.response.status_code = Empty,
        client.address = Empty,
        request = id.to_str().ok(),
        trace = trace.as_ref().map(|(trace, _)| tracing::field::display(trace.trace_id())),
    );
    if let Some((trace, _)) = &trace
        && !span.is_disabled()
    {
        // There is no such layer where traces are not exported.
        let _ = span.set_parent(Context::new().with_remote_span_context(trace.clone()));
    }
    let mut response = next.run(request).instrument(span.clone()).await;
    end(&span, &response);
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id);
    if let Some((_, value)) = trace {
        headers.insert(TRACE_PARENT, value);
    }
    response
}

fn name(request: &Request, route: Option<&MatchedPath>) -> String {
    let method = method_name(request.method());
    match route {
        Some(route) => format!("{method} {}", route.as_str()),
        None => method.to_owned(),
    }
}

fn end(span: &Span, response: &Response) {
    let status = response.status();
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    tracing::debug!(parent: span, "answered");
}

/// The caller's, if it can stand in a line of the log; else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let is_id = |value: &&HeaderValue| {
        let bytes = value.as_bytes();
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte);
        (1..=MAX_ID_LENGTH).contains(&bytes.len()) && bytes.iter().all(is_plain)
    };
    match headers.get(REQUEST_ID).filter(is_id) {
        Some(given) => given.clone(),
        None => {
            let mut text = [0; uuid::fmt::Simple::LENGTH];
            let id = Uuid::now_v7().simple().encode_lower(&mut text);
            HeaderValue::from_str(id).unwrap_or(HeaderValue::from_static("none"))
        }
    }
}

fn trace_of(headers: &HeaderMap) -> Option<SpanContext> {
    let propagator = TraceContextPropagator::new();
    let context = propagator.extract_with_context(&Context::new(), &HeaderExtractor(headers));
    let trace = context.span().span_context().clone();
    trace.is_valid().then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn a_callers_request_id_is_taken_if_it_is_short_and_plain() {
        let id = |value: &str| request_id(&headers(REQUEST_ID, value));
        assert_eq!(id("job-7.a:b"), "job-7.a:b");
        for bad in ["", "a b", "a\u{e9}", &"x".repeat(129), "a\tb", "\"a\""] {
            assert_ne!(id(bad).as_bytes(), bad.as_bytes(), "{bad}");
        }
        assert_ne!(id(""), id(""), "each gets its own");
    }

    #[test]
    fn a_trace_parent_counts_only_if_it_is_one() {
        let trace = |value: &str| trace_of(&headers(TRACE_PARENT, value));
        let good = trace("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").unwrap();
        assert_eq!(
            good.trace_id().to_string(),
            "0af7651916cd43dd8448eb211c80319c"
        );
        for bad in [
            "",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "password",
        ] {
            assert!(trace(bad).is_none(), "{bad}");
        }
    }
}
