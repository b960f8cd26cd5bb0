//! A whole server in this process, without sockets: it takes parsed HTTP requests.

use crate::{DEVICE, OneDevice, SIGNING_KEY, Situation};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderValue, Method, Request, StatusCode, header},
};
use mdm_agent_protocol::{
    signature::{self, AGENT, CONTENT_DIGEST, Headers, NEW, SIGNATURE, SIGNATURE_INPUT, Stamp},
    sync::{ENROLL_PATH, Problem, SYNC_PATH},
};
use mdm_contract::{Characters, PasswordRule, time};
use mdm_password_host::{Limits, Runtime, Trust};
use mdm_server_core::{
    keys::HostKeys,
    plugins::{ChosenPlugins, PluginOptions},
    server::{Server, ServerSettings},
};
use mdm_server_http::api::{Rates, Terms, TrustedProxies, router};
use serde::de::DeserializeOwned;
use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tower_service::Service as _;
use zeroize::Zeroizing;

/// Time limit of a call, longer than any delay by a busy machine. libFuzzer finds slow inputs.
const TIME: Duration = Duration::from_secs(20);

/// A rate limit that no fuzzer reaches.
const RATE: NonZeroU32 = NonZeroU32::new(1_000_000).unwrap();

/// Maximum size of a response body.
const MAX_RESPONSE_BYTES: usize = 16 << 20;

/// A host with one device.
pub struct Host {
    runtime: tokio::runtime::Runtime,
    router: Router,
    store: Arc<OneDevice>,
    calls: AtomicU64,
}

/// The response of a host.
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The body.
    pub body: Vec<u8>,
}

impl Host {
    /// A host on which this plugin decides.
    pub fn new(plugin: &[u8], trust: Trust) -> Self {
        let limits = Limits {
            time: TIME,
            instances: 2,
            ..Limits::default()
        };
        let engine = Runtime::new(limits).expect("an engine");
        let settings = PluginOptions {
            trust,
            checked_at_start: false,
            ..PluginOptions::from(engine.load(plugin, None).expect("a plugin"))
        };
        let store = Arc::new(OneDevice::new(Situation::new(0)));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        let plugins = runtime.block_on(ChosenPlugins::open(store.clone(), settings));
        let rule = PasswordRule {
            characters: Characters::Alphanumeric,
            minimum_length: 4,
            maximum_length: 16,
        };
        let plugins = plugins.expect("no plugin was chosen");
        let keys = HostKeys::new(Zeroizing::new([7; 32])).expect("keys");
        let settings = ServerSettings {
            password_rule: rule,
            ..ServerSettings::default()
        };
        let (metrics, supervisor) = (Arc::default(), Arc::default());
        let server = Server::new(store.clone(), plugins, keys, metrics, supervisor, settings);
        let server = server.expect("the plugin is loaded");
        // No sync waits for a command.
        server.close();
        let rates = Rates {
            address: RATE,
            device: RATE,
        };
        Self {
            runtime,
            router: router(
                Arc::new(server),
                Terms {
                    rates,
                    body_time: TIME,
                    metrics_reader: None,
                    trusted_proxies: TrustedProxies::default(),
                },
                Router::new(),
            ),
            store,
            calls: AtomicU64::new(0),
        }
    }

    /// Its store.
    pub fn store(&self) -> &OneDevice {
        &self.store
    }

    /// Sends it a request of an admin, or of the device's agent, which signs it.
    pub fn call(&self, method: Method, path: &str, body: &[u8]) -> Answer {
        let mut request = Request::builder().method(&method).uri(path);
        request = request.header(header::AUTHORIZATION, "Bearer token");
        let label = match path {
            ENROLL_PATH => Some(NEW),
            SYNC_PATH => Some(AGENT),
            _ => None,
        };
        if let Some(label) = label {
            let headers = self.sign(label, method.as_str(), path, body);
            request = request
                .header(CONTENT_DIGEST, headers.content_digest)
                .header(SIGNATURE_INPUT, headers.signature_input)
                .header(SIGNATURE, headers.signature);
        }
        self.send(
            request
                .body(Body::from(body.to_vec()))
                .expect("the path is ours"),
        )
    }

    fn sign(&self, label: &'static str, method: &str, path: &str, body: &[u8]) -> Headers {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let stamp = Stamp {
            device: if label == NEW { NEW } else { DEVICE },
            // A server refuses requests that were signed before its start.
            created: time::now() / 1000 + 1,
            nonce: &number.to_string(),
        };
        let request = signature::Request { method, path, body };
        let signed = request.sign(stamp, &[(label, &SIGNING_KEY)]);
        signed.expect("random bytes")
    }

    /// Sends this request, with the `Host` header that every client of HTTP/1.1 sends, and checks that the response is
    /// well-formed.
    pub fn send(&self, mut request: Request<Body>) -> Answer {
        let host = HeaderValue::from_static("localhost");
        request.headers_mut().entry(header::HOST).or_insert(host);
        let (status, body) = self.runtime.block_on(async {
            let response = self.router.clone().call(request).await;
            let (parts, body) = response.expect("a router always answers").into_parts();
            let body = to_bytes(body, MAX_RESPONSE_BYTES).await;
            (parts.status, body.expect("an answer of a few MiB"))
        });
        let answer = Answer {
            status,
            body: body.to_vec(),
        };
        assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{answer:?}");
        if !status.is_success() {
            let problem: Problem = answer.read();
            assert_eq!(problem.status, status.as_u16());
            assert!(!problem.kind.is_empty() && !problem.detail.trim().is_empty());
        }
        answer
    }
}

impl Answer {
    /// Returns `true` if it contains this text.
    pub fn has(&self, text: &str) -> bool {
        self.body
            .windows(text.len())
            .any(|it| it == text.as_bytes())
    }

    /// Reads it.
    pub fn read<T: DeserializeOwned>(&self) -> T {
        match serde_json::from_slice(&self.body) {
            Ok(read) => read,
            Err(error) => panic!("{error}: {self:?}"),
        }
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}: {}",
            self.status,
            String::from_utf8_lossy(&self.body)
        )
    }
}
