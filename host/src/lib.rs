//! The host of the password feature: it loads a plugin, fills each call from its store, commits what
//! the call decided, and carries commands to devices and reports back.
//!
//! [`service`] is the heart: one function for each use case. Below it lie [`plugin`], [`store`],
//! [`transport`] and [`webhook`], which know nothing of each other; above it [`api`], [`dashboard`] and [`cli`], which know
//! nothing else. What passes between them lies beside: [`access`], [`change`], [`event`], [`audit`], [`password`], [`keys`],
//! [`metrics`], [`public_url`], [`supervisor`].

pub mod access;
pub mod api;
pub mod audit;
mod bounds;
pub mod change;
pub mod cli;
pub mod conformance;
pub mod dashboard;
pub mod event;
pub mod idempotency;
pub mod keys;
pub mod limiter;
mod log;
pub mod metrics;
mod object;
pub mod password;
pub mod plugin;
pub mod public_url;
pub mod service;
pub mod store;
pub mod supervisor;
mod text;
pub mod token;
pub mod transport;
pub mod webhook;
pub mod witness;
