//! The HTTP interface: what admins' programs and agents call. It turns requests into use cases of the
//! [`Service`] and their results into JSON, and knows nothing else.

mod admin;
mod agent;
pub(crate) mod audit;
pub(crate) mod auth;
pub(crate) mod body;
mod bounds;
mod bulks;
pub mod certificate;
mod client_address;
pub mod connections;
pub mod document;
mod fleet;
mod follow;
mod held;
pub mod held_commands;
mod host_header;
mod idempotency;
mod if_match;
mod metrics;
pub mod model;
mod opening;
pub(crate) mod parts;
pub mod plugin;
pub(crate) mod problem;
mod rate;
mod ready;
pub mod serving;
mod signed;
pub(crate) mod table;
pub mod tls;
mod users;
pub mod webhooks;

pub use client_address::{ProxyHeader, TrustedProxies};
pub use opening::{NotOpen, Opening};
pub use rate::{Peer, Rates};

use auth::needs;
use axum::{
    Extension, Router,
    extract::Request,
    http::StatusCode,
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::post,
};
use body::BodyTime;
use mdm_agent_protocol::sync::{ENROLL_PATH, KEYS_PATH, SUCCESSION_PATH, SYNC_PATH};
use mdm_server_core::{access::Permission, service::Service, token::TokenDigest};
use problem::ApiError;
use rate::{Entrance, Meter};
use std::{sync::Arc, time::Duration};
use tracing::Instrument as _;
use utoipa_axum::{router::OpenApiRouter, routes};

/// The largest body of a request, in bytes: more than any agent has to say.
const LARGEST_BODY: usize = 256 << 10;

/// What callers may do.
pub struct Terms {
    /// How often they may call.
    pub rates: Rates,
    /// How long the body of a request may take.
    pub body_time: Duration,
    /// Who has this token may read the metrics, and call nothing else.
    pub metrics_reader: Option<TokenDigest>,
    /// The proxies whose word on a client's address is taken.
    pub trusted_proxies: TrustedProxies,
}

/// What admins' programs call, and its documentation.
fn routes() -> OpenApiRouter<Arc<Service>> {
    let seen = OpenApiRouter::new()
        .merge(fleet::router())
        .routes(routes!(admin::device))
        .routes(routes!(admin::audit))
        .routes(routes!(admin::status))
        .routes(routes!(admin::outlook));
    let passwords = OpenApiRouter::new()
        .routes(routes!(admin::reset))
        .routes(routes!(admin::remove))
        .routes(routes!(admin::cancel));
    let devices = OpenApiRouter::new()
        .routes(routes!(admin::revoke))
        .routes(routes!(admin::set_policy, admin::clear_policy))
        .routes(routes!(admin::enrollment_token));
    let admin = needs(Permission::See, seen)
        .merge(needs(Permission::ChangePassword, passwords))
        .merge(needs(Permission::ManageDevices, devices))
        .merge(needs(Permission::ManageDevices, held_commands::router()))
        .merge(bulks::router())
        .merge(needs(Permission::SeeAudit, audit::router()))
        .merge(needs(Permission::ManageUsers, users::router()))
        .merge(needs(Permission::ManageWebhooks, webhooks::router()))
        .nest("/plugin", plugin::router())
        .layer(middleware::from_fn(carry_out));
    let metrics = OpenApiRouter::new().routes(routes!(metrics::read));
    OpenApiRouter::new()
        .nest("/api/v1", admin)
        .merge(needs(Permission::SeeMetrics, metrics))
        .merge(document::router())
        .routes(routes!(ready::read))
}

/// All routes, and the pages of the dashboard under the same limits. Whoever serves them adds the [`Peer`] of the
/// connection to each request: the calls of an address are counted by it.
pub fn router(service: Arc<Service>, terms: Terms, pages: Router) -> Router {
    let metrics = Arc::clone(service.metrics());
    let body_time = BodyTime {
        time: terms.body_time,
        too_slow: metrics.http.limit("body-time"),
    };
    let entrance = Entrance {
        meter: Arc::new(Meter::new(terms.rates, &service)),
        body_time,
        proxies: Arc::new(terms.trusted_proxies),
        is_secure: service.public_url().is_some_and(|url| url.is_secure()),
    };
    let agents = Router::new()
        .route(ENROLL_PATH, post(agent::enroll))
        .route(SYNC_PATH, post(agent::sync))
        .route(KEYS_PATH, post(agent::rotate_keys))
        .route(SUCCESSION_PATH, post(agent::succeed))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&service),
            signed::sign_answers,
        ));
    Router::from(routes())
        .layer(Extension(Arc::clone(&service)))
        .layer(Extension(metrics::Reader(terms.metrics_reader)))
        .merge(agents)
        .fallback(problem::no_such_route)
        .method_not_allowed_fallback(problem::no_such_method)
        .with_state(service)
        .merge(pages.layer(middleware::from_fn(carry_out)))
        // Each layer takes memory for as long as a call waits, so there are few.
        .layer(middleware::from_fn_with_state(entrance, rate::limit))
        .layer(middleware::from_fn_with_state(metrics, metrics::count))
        .layer(middleware::from_fn(follow::follow))
}

/// Carries a request that may change something out to its end, also if its caller hangs up meanwhile.
async fn carry_out(request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    match tokio::spawn(next.run(request).in_current_span()).await {
        Ok(response) => response,
        Err(error) => {
            tracing::error!(%error, "a request was not carried out");
            let text = "the host failed while it carried the request out: its log says why";
            ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "host-failed", text).into_response()
        }
    }
}
