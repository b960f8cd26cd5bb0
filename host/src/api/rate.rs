//! How often one address, and one device, may call: whoever calls more often is told to wait, so that it takes
//! nobody else's turn.

use super::problem::ApiError;
use axum::{
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

/// How many calls a second are allowed; for a moment, four times as many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// From one address: a whole site may share one.
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

/// How many calls pass before callers that have long been quiet are forgotten.
const FORGET_EVERY: u32 = 10_000;

/// Counts the calls.
pub(super) struct Meter {
    addresses: DefaultKeyedRateLimiter<IpAddr>,
    devices: DefaultKeyedRateLimiter<String>,
    calls: AtomicU32,
}

impl Meter {
    pub(super) fn new(rates: Rates) -> Self {
        let quota = |rate: NonZeroU32| {
            let at_once = rate.saturating_mul(const { NonZeroU32::new(4).unwrap() });
            Quota::per_second(rate).allow_burst(at_once)
        };
        Self {
            addresses: RateLimiter::keyed(quota(rates.address)),
            devices: RateLimiter::keyed(quota(rates.device)),
            calls: AtomicU32::new(0),
        }
    }

    /// Refuses a call of a device that calls too often.
    pub(super) fn device(&self, device: &String) -> Result<(), ApiError> {
        self.devices
            .check_key(device)
            .map_err(|_| too_many(&format!("device {device}")))
    }

    fn address(&self, address: IpAddr) -> Result<(), ApiError> {
        if self
            .calls
            .fetch_add(1, Ordering::Relaxed)
            .is_multiple_of(FORGET_EVERY)
        {
            self.addresses.retain_recent();
            self.devices.retain_recent();
        }
        self.addresses
            .check_key(&address)
            .map_err(|_| too_many(&format!("address {address}")))
    }
}

fn too_many(who: &str) -> ApiError {
    let text = format!("{who} calls too often: wait a second");
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", text)
}

/// Who is at the other end of a connection: an extension of each request.
#[derive(Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// Refuses the calls of an address that calls too often, before anything is read of them.
pub(super) async fn limit(
    State(meter): State<Arc<Meter>>,
    mut request: Request,
    next: Next,
) -> Response {
    if let Some(Peer(peer)) = request.extensions().get()
        && let Err(refused) = meter.address(peer.ip())
    {
        return refused.into_response();
    }
    request.extensions_mut().insert(meter);
    next.run(request).await
}
