//! The state of the routes: each handler takes only its component.

use axum::extract::FromRef;
use mdm_server_core::{
    agents::Agents, audit_trail::AuditTrailReader, bulks::Bulks, bulks::PasswordExports,
    commands::Commands, devices::Devices, health::Health, identity::Identity, plugins::Plugins,
    restores::Restores, server::Server, webhooks::Webhooks,
};
use std::sync::Arc;

/// The components of the server.
#[derive(Clone)]
pub(super) struct Components(pub(super) Arc<Server>);

macro_rules! component {
    ($($field:ident: $Component:ty),+ $(,)?) => {$(
        impl FromRef<Components> for Arc<$Component> {
            fn from_ref(components: &Components) -> Self {
                Arc::clone(&components.0.$field)
            }
        }
    )+};
}

component! {
    agents: Agents,
    audit_trail: AuditTrailReader,
    bulks: Bulks,
    commands: Commands,
    devices: Devices,
    health: Health,
    restores: Restores,
    identity: Identity,
    password_exports: PasswordExports,
    plugins: Plugins,
    webhooks: Webhooks,
}
