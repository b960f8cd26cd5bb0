//! The programs as a user runs them: real processes, real HTTP, a real database.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod accounts;
mod addresses;
mod answers;
mod backup;
mod bad_input;
mod bulks;
mod clocks;
mod core_dump;
mod document;
mod first_admin;
mod following;
mod grafana;
mod hostile_agents;
mod hostile_callers;
mod hostile_plugins;
mod idempotency;
mod identity;
mod lists;
mod load;
mod login_memory;
mod plugins;
mod power_cuts;
mod pull;
mod readiness;
mod registry;
mod replicas;
mod rotation;
mod schema;
mod secrets;
mod states;
mod tls;
mod trust;
mod wake_up;
mod webhooks;
