//! The dashboard: pages for admins, made here and complete without a script. A page is HTML from a function; the
//! script brings it up to date and saves clicks. It knows the [`Service`] and nothing below it.

mod account;
mod assets;
mod audit;
mod device;
mod device_view;
mod devices;
mod error;
mod form;
mod frame;
mod history;
mod invitation;
mod live;
mod once;
mod outlook;
mod plugin;
mod policy;
mod remove;
mod reset;
mod reset_view;
mod seen;
mod session;
mod sign_in;
mod texts;
mod tokens;
mod user;
mod users;
mod webhook;
mod webhooks;

use crate::{
    access::Permission,
    api::auth::{Needs, needs},
    service::Service,
};
use axum::{
    Extension, Router,
    extract::{DefaultBodyLimit, Request},
    http::{HeaderValue, header},
    middleware::{self, Next},
    response::{Redirect, Response},
    routing::{get, post},
};
use once::Once;
use session::Cookies;
use std::sync::Arc;

/// What pages may do: nothing but what the host itself gives them, and be in no one else's frame.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// What the pages are made from.
struct Dashboard {
    service: Arc<Service>,
    cookies: Cookies,
    once: Once,
}

type Host = axum::extract::State<Arc<Dashboard>>;

/// All pages. `is_secure`: admins come by TLS, and their cookies must not go another way.
pub fn router(service: Arc<Service>, is_secure: bool) -> Router {
    let dashboard = Dashboard {
        service,
        cookies: Cookies { is_secure },
        once: Once::default(),
    };
    let open = Router::new()
        .route("/", get(|| async { Redirect::to("/devices") }))
        .route("/sign-in", get(sign_in::page).post(sign_in::sign_in))
        .route(
            "/invitation/{token}",
            get(invitation::page).post(invitation::accept),
        );
    let own = Router::new()
        .route("/sign-out", post(sign_in::sign_out))
        .route("/account", get(account::page))
        .route("/account/one-time-passwords", post(account::set_totp))
        .route(
            "/account/one-time-passwords/clear",
            post(account::clear_totp),
        )
        .layer(Extension(Needs::Anybody));
    let seen = Router::new()
        .route("/devices", get(devices::page))
        .route("/devices/{device}", get(device::page))
        .route("/plugin", get(plugin::page))
        .route("/live", get(live::stream));
    let trail = Router::new()
        .route("/audit", get(audit::page))
        .route("/audit.csv", get(audit::table));
    let plugins = Router::new()
        .route("/plugin/use", post(plugin::use_plugin))
        .route("/plugin/default", post(plugin::use_default))
        .route("/plugin/roll-back", post(plugin::roll_back))
        .layer(DefaultBodyLimit::max(plugin::LARGEST));
    let passwords = Router::new()
        .route(
            "/devices/{device}/reset",
            get(reset::page).post(reset::reset),
        )
        .route("/devices/{device}/reset/outlook", post(reset::outlook))
        .route(
            "/devices/{device}/remove",
            get(remove::page).post(remove::remove),
        )
        .route("/devices/{device}/cancel", post(device::cancel));
    let devices = Router::new().route(
        "/devices/{device}/policy",
        get(policy::page).post(policy::apply),
    );
    let users = Router::new()
        .route("/users", get(users::page).post(users::add))
        .route("/users/{user}", get(user::page).post(user::change))
        .route("/users/{user}/invitation", post(user::invite_again))
        .route("/users/{user}/remove", post(user::remove))
        .route("/tokens", get(tokens::page).post(tokens::add))
        .route("/tokens/{token}/remove", post(tokens::remove));
    let webhooks = Router::new()
        .route("/webhooks", get(webhooks::page).post(webhooks::add))
        .route("/webhooks/{webhook}", get(webhook::page))
        .route("/webhooks/{webhook}/test", post(webhook::test))
        .route("/webhooks/{webhook}/secret", post(webhook::change_secret))
        .route("/webhooks/{webhook}/pause", post(webhook::pause))
        .route("/webhooks/{webhook}/resume", post(webhook::resume))
        .route("/webhooks/{webhook}/remove", post(webhook::remove));
    open.merge(own)
        .merge(needs(Permission::See, seen))
        .merge(needs(Permission::ChangePassword, passwords))
        .merge(needs(Permission::ManageDevices, devices))
        .merge(needs(Permission::SeeAudit, trail))
        .merge(needs(Permission::ManagePlugins, plugins))
        .merge(needs(Permission::ManageUsers, users))
        .merge(needs(Permission::ManageWebhooks, webhooks))
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
