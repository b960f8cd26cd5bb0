//! The rules of the feature through the component: the server, the reference plugin and a store on
//! disk, without the programs around them.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "on_sqlite.rs"]
mod database;
mod suite;

use suite::{calls, forms, plugins, test_host};
