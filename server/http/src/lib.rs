//! The HTTP API and the dashboard of the server.

pub mod api;
pub mod dashboard;
