//! The tests of `main.rs` over a store in PostgreSQL, and those of replicas: leadership, and following the chosen
//! plugin.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "on_postgres.rs"]
mod database;
mod following;
mod leading;
mod suite;

use suite::{calls, forms, plugins, test_host};
