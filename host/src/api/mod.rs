//! The HTTP interface: what admins' programs and agents call. It turns requests into use cases of the
//! [`Service`] and their results into JSON, and knows nothing else.

mod admin;
mod agent;
mod auth;
mod body;
pub mod model;
pub mod plugin;
mod problem;
mod rate;
pub mod serving;
pub mod tls;

pub use rate::{Peer, Rates};

use crate::service::Service;
use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::StatusCode,
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::{get, post, put},
};
use mdm_wire::sync::{ENROLL_PATH, SYNC_PATH};
use problem::ApiError;
use rate::Meter;
use std::sync::Arc;

/// The largest body of a request, in bytes: more than any agent has to say.
const LARGEST_BODY: usize = 256 << 10;

/// All routes. Whoever serves them adds the [`Peer`] of the connection to each request: the calls of an address
/// are counted by it.
pub fn router(service: Arc<Service>, rates: Rates) -> Router {
    let admin = Router::new()
        .route("/devices", get(admin::devices))
        .route("/devices/{device}", get(admin::device))
        .route("/devices/{device}/audit", get(admin::audit))
        .route("/devices/{device}/revoke", post(admin::revoke))
        .route(
            "/devices/{device}/policy",
            put(admin::set_policy).delete(admin::clear_policy),
        )
        .route("/devices/{device}/password/status", get(admin::status))
        .route("/devices/{device}/password/outlook", post(admin::outlook))
        .route("/devices/{device}/password/reset", post(admin::reset))
        .route("/devices/{device}/password/remove", post(admin::remove))
        .route(
            "/devices/{device}/commands/{command}/cancel",
            post(admin::cancel),
        )
        .route("/groups/{group}/password/reset", post(admin::reset_group))
        .route("/enrollment-tokens", post(admin::enrollment_token))
        .nest("/plugin", plugin::router())
        .layer(middleware::from_fn(carry_out));
    Router::new()
        .nest("/api/v1", admin)
        .route(ENROLL_PATH, post(agent::enroll))
        .route(SYNC_PATH, post(agent::sync))
        .route("/health", get(|| async { "ok\n" }))
        .fallback(problem::no_such_route)
        .method_not_allowed_fallback(problem::no_such_method)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(service)
        .layer(middleware::from_fn_with_state(
            Arc::new(Meter::new(rates)),
            rate::limit,
        ))
}

/// Carries a request that may change something out to its end, also if its caller hangs up meanwhile.
async fn carry_out(request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    match tokio::spawn(next.run(request)).await {
        Ok(response) => response,
        Err(error) => {
            tracing::error!(%error, "a request was not carried out");
            let text = "the host failed while it carried the request out: its log says why";
            ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "host-failed", text).into_response()
        }
    }
}
