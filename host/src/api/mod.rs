//! The HTTP interface: what admins' programs and agents call. It turns requests into use cases of the
//! [`Service`] and their results into JSON, and knows nothing else.

mod admin;
mod agent;
mod auth;
mod body;
pub mod model;
pub mod plugin;
mod problem;
pub mod serving;
pub mod tls;

use crate::service::Service;
use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{get, post, put},
};
use mdm_wire::sync::{ENROLL_PATH, SYNC_PATH};
use std::sync::Arc;

/// The largest body of a request, in bytes: more than any agent has to say.
const LARGEST_BODY: usize = 256 << 10;

/// All routes.
pub fn router(service: Arc<Service>) -> Router {
    let admin = Router::new()
        .route("/devices", get(admin::devices))
        .route("/devices/{device}", get(admin::device))
        .route("/devices/{device}/audit", get(admin::audit))
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
        .nest("/plugin", plugin::router());
    Router::new()
        .nest("/api/v1", admin)
        .route(ENROLL_PATH, post(agent::enroll))
        .route(SYNC_PATH, post(agent::sync))
        .route("/health", get(|| async { "ok\n" }))
        .fallback(problem::no_such_route)
        .method_not_allowed_fallback(problem::no_such_method)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(service)
}
