//! The state of the pages, which each handler gets.

use super::cookies::Cookies;
use mdm_server_core::server::Server;
use std::sync::Arc;

/// The state of the pages.
pub(super) struct Dashboard {
    pub(super) server: Arc<Server>,
    pub(super) cookies: Cookies,
}

/// The extractor of the state.
pub(super) type DashboardState = axum::extract::State<Arc<Dashboard>>;
