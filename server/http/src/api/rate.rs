//! Rate limits by address and by device. A caller above its limit gets 429 with `retry-after`.

use super::{
    body::{BodyTime, LARGEST_BODY},
    client_address::{ClientAddress, TrustedProxies},
    host_header,
    problem::ApiError,
};
use axum::{
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header::STRICT_TRANSPORT_SECURITY},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use governor::Quota;
use mdm_server_core::{
    limiter::{Limiter, network},
    server::Server,
};
use prometheus_client::metrics::counter::Counter;
use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    sync::Arc,
};

/// Requests per second, and bursts of four times as many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// From one address, or one network of 64 bits of IPv6: a whole site may share one.
    pub address: NonZeroU32,
    /// Syncs of one device.
    pub device: NonZeroU32,
}

impl Rates {
    /// Many times what agents and admins need: an agent that waits for news syncs once a minute.
    pub const DEFAULT: Self = Self {
        address: NonZeroU32::new(500).unwrap(),
        device: NonZeroU32::new(50).unwrap(),
    };
}

/// For a moment, so many times as many calls are allowed; and after so many seconds without one, they are again.
const BURST: NonZeroU32 = NonZeroU32::new(4).unwrap();

/// The limit of an address, and what is left of it (draft-ietf-httpapi-ratelimit-headers).
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LEFT: HeaderName = HeaderName::from_static("ratelimit");

/// Counts the calls.
pub(super) struct RateLimits {
    addresses: Arc<Limiter>,
    policy: HeaderValue,
    devices: Arc<Limiter>,
    addresses_refused: Counter,
    devices_refused: Counter,
}

impl RateLimits {
    pub(super) fn new(rates: Rates, server: &Server) -> Self {
        let limit = |name, rate: NonZeroU32| {
            let quota = Quota::per_second(rate).allow_burst(rate.saturating_mul(BURST));
            let limit = Arc::new(Limiter::new(name, quota));
            server.cluster.share_limit(&limit);
            limit
        };
        let addresses = limit("address", rates.address);
        let most = addresses.burst();
        let policy = HeaderValue::from_str(&format!("\"address\";q={most};w={BURST}"));
        let metrics = &server.health.metrics().http;
        Self {
            addresses,
            policy: policy.unwrap_or(HeaderValue::from_static("\"address\"")),
            devices: limit("device", rates.device),
            addresses_refused: metrics.rate_limited("address"),
            devices_refused: metrics.rate_limited("device"),
        }
    }

    /// Enforces the rate limit of a device.
    pub(super) fn device(&self, device: &str) -> Result<(), ApiError> {
        let left = self.devices.check(device).ok_or_else(|| {
            self.devices_refused.inc();
            too_many(&format!("device {device}"))
        });
        left.map(|_| ())
    }

    /// Counts a request of this address, and returns the number that its network has left.
    fn address(&self, address: IpAddr) -> Result<u32, ApiError> {
        self.addresses
            .check(&network(address).to_string())
            .ok_or_else(|| {
                self.addresses_refused.inc();
                too_many(&format!("address {address}"))
            })
    }

    /// Tells a program how many calls its address has left.
    fn tell(&self, left: u32, response: &mut Response) {
        let headers = response.headers_mut();
        headers.insert(POLICY, self.policy.clone());
        if let Ok(left) = HeaderValue::from_str(&format!("\"address\";r={left}")) {
            headers.insert(LEFT, left);
        }
    }
}

fn too_many(who: &str) -> ApiError {
    let text = format!("{who} calls too often: wait a second");
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", text)
}

/// The peer of the connection: an extension of each request.
#[derive(Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// The checks of every request before it is read.
#[derive(Clone)]
pub(super) struct Entrance {
    pub(super) meter: Arc<RateLimits>,
    pub(super) body_time: BodyTime,
    pub(super) proxies: Arc<TrustedProxies>,
    /// Browsers must use TLS.
    pub(super) is_secure: bool,
}

/// Duration of HSTS: a year.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Finds the client's address, and enforces its rate limit before the body is read. For accepted requests, it sets the
/// limits of the body's size and time.
pub(super) async fn limit(
    State(entrance): State<Entrance>,
    mut request: Request,
    next: Next,
) -> Response {
    let Entrance {
        meter,
        body_time,
        proxies,
        is_secure,
    } = entrance;
    let peer = request.extensions().get::<Peer>();
    let client = peer.map(|Peer(peer)| proxies.client(peer.ip(), request.headers()));
    drop(proxies);
    if let Some(client) = client {
        tracing::Span::current().record("client.address", tracing::field::display(client));
        request.extensions_mut().insert(ClientAddress(client));
    }
    let is_for_programs = request.uri().path().starts_with("/api/");
    // Probes may share their address with many callers.
    let is_counted = !matches!(request.uri().path(), "/health" | "/ready");
    let left = match client.filter(|_| is_counted) {
        Some(client) => meter.address(client).map(Some),
        None => Ok(None),
    };
    let left = left.and_then(|left| host_header::check(&request).map(|()| left));
    let (mut response, left) = match left {
        Ok(left) => {
            request.extensions_mut().insert(Arc::clone(&meter));
            request.extensions_mut().insert(body_time);
            DefaultBodyLimit::max(LARGEST_BODY).apply(&mut request);
            (next.run(request).await, left)
        }
        Err(refused) => (refused.into_response(), Some(0)),
    };
    if let Some(left) = left.filter(|_| is_for_programs) {
        meter.tell(left, &mut response);
    }
    if is_secure {
        response
            .headers_mut()
            .insert(STRICT_TRANSPORT_SECURITY, HSTS);
    }
    response
}
