//! The rules of the feature through the component: the service, the reference plugin and a store on
//! disk, without the programs around them.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod agent_keys;
mod bulks;
mod calls;
mod filters;
mod fleet;
mod opening;
mod permissions;
mod plugins;
mod revoked;
mod rules;
mod store;
mod swap;
mod users;
mod webhooks;
