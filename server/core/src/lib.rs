//! The use cases of the server, and what they need: stores, the transport to agents, webhooks.
//!
//! [`service`] has one function for each use case. Below it lie the traits of [`store`], [`transport`] and [`webhook`],
//! which know nothing of each other; above it the API, the dashboard and the command line, in crates of their own.

pub mod access;
pub mod actor;
pub mod audit;
pub mod bounds;
pub mod change;
pub mod event;
pub mod idempotency;
pub mod keys;
pub mod limiter;
mod log;
pub mod metrics;
pub mod object;
pub mod public_url;
pub mod random_password;
pub mod service;
pub mod store;
pub mod supervisor;
pub mod token;
pub mod transport;
pub mod webhook;
pub mod witness;
