//! One reset is followed from the request to the report: through the log, and through the traces that a collector
//! gets.

use axum::{Router, body::Bytes, routing::post};
use mdm_tests::{
    counted::Counted,
    test_environment::{Device, Make, TestEnvironment, http_client, wait_until},
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::any_value::Value::StringValue,
    trace::v1::{Span, span::SpanKind},
};
use prost::Message as _;
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};
use tokio::runtime::Runtime;

/// It would stand out anywhere.
const PASSWORD: &str = "zebra7QUARTZ94";
const RULE: [&str; 2] = ["--password-rule", "alphanumeric:8-16"];
const REQUEST: &str = "follow-me-7";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// A reset as a program asks for it that follows its own calls.
fn reset(env: &TestEnvironment, phone: &Device) -> (HashMap<String, String>, Value) {
    let call = http_client()
        .post(format!(
            "{}/api/v1/devices/{}/password/reset",
            env.url(),
            phone.id
        ))
        .bearer_auth(env.token().unwrap())
        .header("x-request-id", REQUEST)
        .header("traceparent", format!("00-{TRACE}-b7ad6b7169203331-01"))
        .header("content-type", "application/json")
        .body(json!({ "password": PASSWORD }).to_string());
    Runtime::new().unwrap().block_on(async {
        let answer = call.send().await.unwrap();
        assert_eq!(answer.status(), 201);
        let text = |value: &reqwest::header::HeaderValue| value.to_str().unwrap().to_owned();
        let headers = answer.headers().iter();
        let headers = headers
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect();
        (headers, answer.json().await.unwrap())
    })
}

#[test]
fn one_reset_is_followed_by_its_command_through_the_log_from_request_to_report() {
    let env = TestEnvironment::with(&RULE, "mdm=debug").unwrap();
    let mut phone = env.enroll(Make::default()).unwrap();
    let (headers, command) = reset(&env, &phone);
    assert_eq!(headers["x-request-id"], REQUEST);
    assert!(headers["traceparent"].contains(TRACE), "{headers:?}");
    phone.switch_on().unwrap();
    assert_eq!(env.outcome(&phone, &command).unwrap()["status"], "success");

    let log = env.host_log().unwrap();
    let id = command["id"].as_str().unwrap();
    let lines: Vec<_> = log.lines().filter(|line| line.contains(id)).collect();
    let has = |parts: &[&str]| {
        let found = lines
            .iter()
            .any(|line| parts.iter().all(|it| line.contains(it)));
        assert!(found, "no line of {id} with {parts:?} in:\n{log}");
    };
    let (request, trace) = (format!("request=\"{REQUEST}\""), format!("trace={TRACE}"));
    has(&[&request, &trace, "decide{function=reset", "committed"]);
    has(&["/agent/v1/sync", "deliver{", "delivered to the agent"]);
    has(&[
        "/agent/v1/sync",
        "report{",
        "decide{function=report",
        "committed",
    ]);
    has(&["report{", "plugin call{function=report", "plugin=\""]);
}

#[test]
fn a_caller_without_a_request_id_gets_one_and_a_bad_one_is_not_taken() {
    let env = TestEnvironment::start().unwrap();
    let ask = |id: Option<&str>| {
        let mut call = http_client().get(format!("{}/health", env.url()));
        if let Some(id) = id {
            call = call.header("x-request-id", id);
        }
        let answer = Runtime::new()
            .unwrap()
            .block_on(async { call.send().await.unwrap() });
        answer.headers()["x-request-id"]
            .to_str()
            .unwrap()
            .to_owned()
    };
    let (one, two) = (ask(None), ask(None));
    assert!(one.len() == 32 && one != two, "{one} {two}");
    assert_eq!(ask(Some("job:7")), "job:7");
    assert_ne!(ask(Some("two words")), "two words");
}

/// A collector of traces, as far as a host needs one.
struct Collector {
    url: String,
    exports: Arc<Mutex<Vec<Bytes>>>,
    _runtime: Runtime,
}

impl Collector {
    fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let exports = Arc::<Mutex<Vec<Bytes>>>::default();
        let taken = Arc::clone(&exports);
        let take = async move |body: Bytes| taken.lock().unwrap().push(body);
        let router = Router::new().route("/v1/traces", post(take));
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self {
            url,
            exports,
            _runtime: runtime,
        }
    }

    fn spans(&self) -> Vec<Span> {
        let exports = self.exports.lock().unwrap();
        let decoded = exports
            .iter()
            .map(|bytes| ExportTraceServiceRequest::decode(bytes.clone()).unwrap());
        decoded
            .flat_map(|export| export.resource_spans)
            .flat_map(|resource| resource.scope_spans)
            .flat_map(|scope| scope.spans)
            .collect()
    }
}

fn attribute<'a>(span: &'a Span, key: &str) -> Option<&'a str> {
    let found = span.attributes.iter().find(|it| it.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        StringValue(text) => Some(text),
        _ => None,
    }
}

#[test]
fn a_collector_gets_the_spans_of_a_reset_with_its_command_and_without_its_password() {
    let collector = Collector::start();
    let env =
        TestEnvironment::with(&[&RULE[..], &["--otlp", &collector.url]].concat(), "info").unwrap();
    let mut phone = env.enroll(Make::default()).unwrap();
    let (_, command) = reset(&env, &phone);
    let id = command["id"].as_str().unwrap();
    phone.switch_on().unwrap();
    assert_eq!(env.outcome(&phone, &command).unwrap()["status"], "success");

    let of_command = |name: &str| {
        let mut spans = collector.spans().into_iter();
        spans.find(|span| span.name == name && attribute(span, "command") == Some(id))
    };
    for name in ["decide", "deliver", "report"] {
        wait_until(&format!("the span `{name}` has arrived"), || {
            Ok(of_command(name).is_some())
        })
        .unwrap();
    }
    let spans = collector.spans();
    let of_trace = |name: &str| {
        let trace = u128::from_str_radix(TRACE, 16).unwrap().to_be_bytes();
        let mut spans = spans.iter().filter(|span| span.trace_id == trace);
        spans
            .find(|span| span.name == name)
            .unwrap_or_else(|| panic!("no span `{name}` in the caller's trace: {spans:?}"))
    };
    let request = of_trace("POST /api/v1/devices/{device}/password/reset");
    assert_eq!(request.kind(), SpanKind::Server);
    assert_eq!(attribute(request, "request"), Some(REQUEST));
    let decide = of_trace("decide");
    assert_eq!(decide.parent_span_id, request.span_id);
    for name in ["plugin call", "commit"] {
        assert_eq!(of_trace(name).parent_span_id, decide.span_id, "{name}");
    }
    let plugin = attribute(of_trace("plugin call"), "plugin").unwrap();
    assert_eq!(plugin.len(), 64, "no digest: {plugin}");

    let token = env.token().unwrap();
    for export in &*collector.exports.lock().unwrap() {
        for secret in [PASSWORD, &token] {
            let found = memchr::memmem::find(export, secret.as_bytes());
            assert!(found.is_none(), "`{secret}` was exported");
        }
    }
    let counted = Counted::read(&env).unwrap();
    assert!(counted.of(r#"mdm_trace_exports_total{result="taken"}"#) > 0);
}

#[test]
fn a_collector_that_is_away_harms_nothing_and_is_logged_once_in_a_while() {
    let nobody = format!(
        "http://127.0.0.1:{}",
        mdm_tests::test_environment::free_port().unwrap()
    );
    let env = TestEnvironment::with(&[&RULE[..], &["--otlp", &nobody]].concat(), "info").unwrap();
    let mut phone = env.enroll(Make::default()).unwrap();
    phone.switch_on().unwrap();
    let (_, command) = reset(&env, &phone);
    assert_eq!(env.outcome(&phone, &command).unwrap()["status"], "success");
    let failed = r#"mdm_trace_exports_total{result="failed"}"#;
    wait_until("three exports have failed", || {
        env.ask(&["device", "list"], "")?;
        Ok(Counted::read(&env)?.of(failed) >= 3)
    })
    .unwrap();
    let log = env.host_log().unwrap();
    let lines = log.matches("traces do not reach their collector").count();
    assert_eq!(lines, 1, "{log}");
}
