//! The dashboard: pages for admins, made here and complete without a script. A page is HTML from a function; the
//! script brings it up to date and saves clicks. It knows the [`Service`] and nothing below it.

mod assets;
mod device;
mod device_view;
mod devices;
mod error;
mod form;
mod frame;
mod history;
mod live;
mod once;
mod outlook;
mod policy;
mod remove;
mod reset;
mod reset_view;
mod seen;
mod session;
mod sign_in;
mod texts;

use crate::service::Service;
use axum::{
    Router,
    extract::Request,
    http::{HeaderValue, header},
    middleware::{self, Next},
    response::{Redirect, Response},
    routing::{get, post},
};
use once::Once;
use session::Sessions;
use std::sync::Arc;

/// What pages may do: nothing but what the host itself gives them, and be in no one else's frame.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// What the pages are made from.
struct Dashboard {
    service: Arc<Service>,
    sessions: Sessions,
    once: Once,
}

type Host = axum::extract::State<Arc<Dashboard>>;

/// All pages. `is_secure`: admins come by TLS, and their cookies must not go another way.
pub fn router(service: Arc<Service>, is_secure: bool) -> Router {
    let dashboard = Dashboard {
        service,
        sessions: Sessions::new(is_secure),
        once: Once::default(),
    };
    Router::new()
        .route("/", get(|| async { Redirect::to("/devices") }))
        .route("/sign-in", get(sign_in::page).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/devices", get(devices::page))
        .route("/devices/{device}", get(device::page))
        .route(
            "/devices/{device}/reset",
            get(reset::page).post(reset::reset),
        )
        .route("/devices/{device}/reset/outlook", post(reset::outlook))
        .route(
            "/devices/{device}/remove",
            get(remove::page).post(remove::remove),
        )
        .route("/devices/{device}/cancel", post(device::cancel))
        .route(
            "/devices/{device}/policy",
            get(policy::page).post(policy::apply),
        )
        .route("/live", get(live::stream))
        .layer(middleware::from_fn(guard))
        .merge(assets::router())
        .with_state(Arc::new(dashboard))
}

/// Says to the browser what a page may do, and that nobody keeps it.
async fn guard(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
