//! The server's use cases, and the traits they depend on.
//!
//! Each component has the use cases of one field, and holds only what it needs: [`devices`], [`commands`], [`bulks`],
//! [`agents`], [`identity`], [`webhooks`], [`plugins`], [`restores`], [`audit_trail`], [`health`]. [`server`] wires
//! them together and supervises their background tasks. `platform` implements the device store and the transport of the
//! embeddable host. [`store`], [`transport`] and [`webhook_client`] lie below. The API, the dashboard and the command
//! line are crates above.
//!
//! A use case with changes has to run to its end: if its future is dropped half-way, the commit and its notifications
//! may or may not have happened.

pub mod access;
pub mod actor;
pub mod agents;
pub mod audit;
pub mod audit_trail;
pub mod bounds;
pub mod bulks;
pub mod change;
pub mod cluster;
pub mod commands;
mod commits;
mod device_records;
pub mod devices;
pub mod error;
pub mod event;
pub mod health;
mod history;
pub mod idempotency;
pub mod identity;
pub mod keys;
pub mod limiter;
mod log;
pub mod metrics;
pub mod notifier;
pub mod object;
mod platform;
pub mod plugins;
pub mod precondition;
pub mod public_url;
pub mod random_password;
pub mod replica_listener;
mod request_checks;
pub mod restores;
mod sealed;
pub mod server;
pub mod store;
pub mod stored_responses;
pub mod supervisor;
pub mod token;
pub mod transport;
pub mod webhook_client;
pub mod webhooks;
pub mod witness;
