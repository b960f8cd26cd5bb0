//! The dashboard: pages for admins, made here and complete without a script. A page is HTML from a function; the
//! script brings it up to date and saves clicks. It knows the [`Server`] and nothing below it.

mod account;
mod assets;
mod audit;
mod bulk;
mod bulk_form;
mod bulk_form_view;
mod bulks;
mod cookies;
mod device;
mod device_view;
mod devices;
mod devices_query;
mod devices_view;
mod docs;
mod error;
mod fleet_chart;
mod form;
mod frame;
mod groups;
mod held;
mod history;
mod invitation;
mod live;
mod page;
mod pages;
mod plugin;
mod policy;
mod preview;
mod remove;
mod reset;
mod reset_view;
mod same_origin;
mod scope;
mod session;
mod sign_in;
mod state;
mod texts;
mod tokens;
mod user;
mod users;
mod webhook;
mod webhooks;

pub use crate::api::auth::RequiredPermission;
pub use pages::PageRoute;

use crate::api::parts;
use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Redirect, Response},
};
use cookies::Cookies;
use error::PageError;
use mdm_server_core::{access::Permission, server::Server};
use pages::Pages;
use state::{Dashboard, DashboardState};
use std::sync::Arc;

/// Pages load resources only from this server, and no site can frame them.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// The router of all pages. Set `is_secure` if admins connect by TLS: cookies are then `Secure`.
pub fn router(server: Arc<Server>, is_secure: bool) -> Router {
    let dashboard = Dashboard {
        server,
        cookies: Cookies { is_secure },
    };
    let dashboard = Arc::new(dashboard);
    let router = all().into_iter().map(Pages::router);
    router
        .fold(Router::new(), Router::merge)
        .layer(middleware::from_fn_with_state(
            Arc::clone(&dashboard),
            guard,
        ))
        .merge(assets::router())
        .with_state(dashboard)
}

/// The pages with the permission that each requires.
pub fn routes() -> Vec<PageRoute> {
    all().into_iter().flat_map(Pages::list).collect()
}

fn all() -> Vec<Pages> {
    let need = |permission| Pages::that_need(RequiredPermission::Permission(permission));
    let open = Pages::that_need(None)
        .get("/", || async { Redirect::to("/devices") })
        .get("/api/docs", docs::page)
        .get("/sign-in", sign_in::page)
        .post("/sign-in", sign_in::sign_in)
        .get("/invitation/{token}", invitation::page)
        .post("/invitation/{token}", invitation::accept);
    let own = Pages::that_need(RequiredPermission::Anybody)
        .post("/sign-out", sign_in::sign_out)
        .get("/account", account::page)
        .post("/account/one-time-passwords", account::set_totp)
        .post("/account/one-time-passwords/clear", account::clear_totp);
    let seen = need(Permission::See)
        .get("/devices", devices::page)
        .get("/devices/{device}", device::page)
        .get("/groups", groups::page)
        .get("/bulks", bulks::page)
        .get("/bulks/{bulk}", bulk::page)
        .get("/bulks/{bulk}/report.csv", bulk::report)
        .get("/plugin", plugin::page)
        .get("/live", live::stream);
    let trail = need(Permission::SeeAudit)
        .get("/audit", audit::page)
        .get("/audit.csv", audit::table);
    let plugins = need(Permission::ManagePlugins)
        .post("/plugin/use", plugin::use_plugin)
        .post("/plugin/settings", plugin::use_settings)
        .post("/plugin/default", plugin::use_default)
        .post("/plugin/roll-back", plugin::roll_back)
        .with_bodies_up_to(plugin::LARGEST);
    let passwords = need(Permission::ChangePassword)
        .get("/devices/{device}/reset", reset::page)
        .post("/devices/{device}/reset", reset::reset)
        .post("/devices/{device}/reset/preview", reset::preview)
        .get("/devices/{device}/remove", remove::page)
        .post("/devices/{device}/remove", remove::remove)
        .post("/devices/{device}/cancel", device::cancel)
        .get("/groups/{group}/{action}", bulk_form::page)
        .post("/groups/{group}/{action}", bulk_form::start)
        .post("/groups/{group}/{action}/preview", bulk_form::preview)
        .post("/bulks/{bulk}/cancel", bulk::cancel)
        .post("/bulks/{bulk}/export", bulk::export);
    let approvals = need(Permission::Approve).post("/bulks/{bulk}/approve", bulk::approve);
    let devices = need(Permission::ManageDevices)
        .get("/devices/{device}/policy", policy::page)
        .post("/devices/{device}/policy", policy::apply)
        .post("/held-commands/release", held::release)
        .post("/held-commands/cancel", held::cancel);
    let users = need(Permission::ManageUsers)
        .get("/users", users::page)
        .post("/users", users::add)
        .get("/users/{user}", user::page)
        .post("/users/{user}", user::change)
        .post("/users/{user}/invitation", user::invite_again)
        .post("/users/{user}/remove", user::remove)
        .get("/tokens", tokens::page)
        .post("/tokens", tokens::add)
        .post("/tokens/{token}/owner", tokens::hand_over)
        .post("/tokens/{token}/remove", tokens::remove);
    let webhooks = need(Permission::ManageWebhooks)
        .get("/webhooks", webhooks::page)
        .post("/webhooks", webhooks::add)
        .get("/webhooks/{webhook}", webhook::page)
        .post("/webhooks/{webhook}/test", webhook::test)
        .post("/webhooks/{webhook}/secret", webhook::change_secret)
        .post("/webhooks/{webhook}/pause", webhook::pause)
        .post("/webhooks/{webhook}/resume", webhook::resume)
        .post("/webhooks/{webhook}/remove", webhook::remove);
    vec![
        open, own, seen, trail, plugins, passwords, approvals, devices, users, webhooks,
    ]
}

/// Refuses cross-site requests and URLs with a NUL. Adds the security headers, and forbids caching.
async fn guard(State(dashboard): DashboardState, request: Request, next: Next) -> Response {
    let public_url = dashboard.server.identity.public_url();
    let checked = parts::check(request.uri()).map_err(PageError::from);
    let checked =
        checked.and_then(|()| same_origin::check(request.method(), request.headers(), public_url));
    let mut response = match checked {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    };
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
