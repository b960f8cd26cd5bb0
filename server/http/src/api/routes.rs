//! The routes of the API for admins' programs, each with the permission that it requires.

use super::{
    admin, audit, bulks, carry_out, components::Components, fleet, guard::require, held_commands,
    metrics, plugin, ready, users, webhooks,
};
use axum::middleware;
use mdm_server_core::access::Permission;
use utoipa_axum::router::OpenApiRouter;

/// The routes, with their operations for the document.
pub(super) fn routes() -> OpenApiRouter<Components> {
    let seen = OpenApiRouter::new()
        .merge(fleet::router())
        .routes(utoipa_axum::routes!(admin::device))
        .routes(utoipa_axum::routes!(admin::audit))
        .routes(utoipa_axum::routes!(admin::status))
        .routes(utoipa_axum::routes!(admin::preview));
    let passwords = OpenApiRouter::new()
        .routes(utoipa_axum::routes!(admin::reset))
        .routes(utoipa_axum::routes!(admin::remove))
        .routes(utoipa_axum::routes!(admin::cancel));
    let devices = OpenApiRouter::new()
        .routes(utoipa_axum::routes!(admin::revoke))
        .routes(utoipa_axum::routes!(admin::set_policy, admin::clear_policy))
        .routes(utoipa_axum::routes!(admin::enrollment_token));
    let admin = require(Permission::See, seen)
        .merge(require(Permission::ChangePassword, passwords))
        .merge(require(Permission::ManageDevices, devices))
        .merge(require(Permission::ManageDevices, held_commands::router()))
        .merge(bulks::router())
        .merge(require(Permission::SeeAudit, audit::router()))
        .merge(require(Permission::ManageUsers, users::router()))
        .merge(require(Permission::ManageWebhooks, webhooks::router()))
        .nest("/plugin", plugin::router())
        .layer(middleware::from_fn(carry_out::carry_out));
    let metrics = OpenApiRouter::new().routes(utoipa_axum::routes!(metrics::read));
    OpenApiRouter::new()
        .nest("/api/v1", admin)
        .merge(require(Permission::SeeMetrics, metrics))
        .routes(utoipa_axum::routes!(ready::read))
}
