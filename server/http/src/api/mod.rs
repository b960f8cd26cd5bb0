//! The HTTP interface for programs of admins and for agents. It maps requests to use cases of the [`Server`], and their
//! results to JSON.

mod admin;
mod agent;
pub(crate) mod audit;
pub(crate) mod auth;
pub(crate) mod body;
mod bounds;
mod bulks;
mod carry_out;
pub mod certificate;
mod client_address;
mod components;
pub mod connections;
pub mod document;
mod fleet;
mod follow;
mod guard;
pub mod held_commands;
mod host_header;
mod idempotency;
mod if_match;
mod limited_listener;
mod metrics;
pub mod model;
mod operations;
pub(crate) mod parts;
pub mod plugin;
pub(crate) mod problem;
mod rate;
mod ready;
mod routes;
pub mod serving;
mod signed;
mod startup_gate;
pub(crate) mod table;
mod tags;
mod timeout_stream;
pub mod tls;
mod users;
pub mod webhooks;

pub use client_address::{ProxyHeader, TrustedProxies};
pub use guard::SECURITY_SCHEME;
pub use limited_listener::LimitedListener;
pub use rate::{Peer, Rates};
pub use startup_gate::{NotOpen, StartupGate};

use axum::{Extension, Router, middleware, routing::post};
use body::BodyTime;
use carry_out::carry_out;
use components::Components;
use mdm_agent_protocol::sync::{ENROLL_PATH, KEYS_PATH, SUCCESSION_PATH, SYNC_PATH};
use mdm_server_core::{server::Server, token::TokenDigest};
use rate::{Entrance, RateLimits};
use std::{sync::Arc, time::Duration};

/// The limits of callers.
pub struct Terms {
    /// The rate limits.
    pub rates: Rates,
    /// The time limit of a request's body.
    pub body_time: Duration,
    /// The token that may read the metrics, and nothing else.
    pub metrics_reader: Option<TokenDigest>,
    /// The proxies that are trusted to name a client's address.
    pub trusted_proxies: TrustedProxies,
}

/// All routes, and the pages of the dashboard under the same limits. The caller adds the connection's [`Peer`] to each
/// request, for the rate limit per address.
pub fn router(server: Arc<Server>, terms: Terms, pages: Router) -> Router {
    let metrics = Arc::clone(server.health.metrics());
    let body_time = BodyTime {
        time: terms.body_time,
        too_slow: metrics.http.limit("body-time"),
    };
    let entrance = Entrance {
        meter: Arc::new(RateLimits::new(terms.rates, &server)),
        body_time,
        proxies: Arc::new(terms.trusted_proxies),
        is_secure: server
            .identity
            .public_url()
            .is_some_and(|url| url.is_secure()),
    };
    let components = Components(Arc::clone(&server));
    let agents = Router::new()
        .route(ENROLL_PATH, post(agent::enroll))
        .route(SYNC_PATH, post(agent::sync))
        .route(KEYS_PATH, post(agent::rotate_keys))
        .route(SUCCESSION_PATH, post(agent::succeed))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&server.agents),
            signed::sign_answers,
        ));
    Router::from(routes::routes().merge(document::router()))
        .layer(Extension(components.clone()))
        .layer(Extension(metrics::Reader(terms.metrics_reader)))
        .merge(agents)
        .fallback(problem::no_such_route)
        .method_not_allowed_fallback(problem::no_such_method)
        .with_state(components)
        .merge(pages.layer(middleware::from_fn(carry_out)))
        // Each layer takes memory for as long as a call waits, so there are few.
        .layer(middleware::from_fn_with_state(entrance, rate::limit))
        .layer(middleware::from_fn_with_state(metrics, metrics::count))
        .layer(middleware::from_fn(follow::follow))
}
