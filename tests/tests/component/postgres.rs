//! The same tests as those of `main.rs`, over a store in PostgreSQL.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "on_postgres.rs"]
mod database;
mod following;
mod leading;
mod suite;

use suite::{calls, forms, plugins, test_host};
