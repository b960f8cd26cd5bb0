//! The routes of pages, each declared in one line with its required permission. A test requests all of them.

use super::state::Dashboard;
use crate::api::auth::RequiredPermission;
use axum::{
    Extension, Router,
    extract::DefaultBodyLimit,
    handler::Handler,
    http::Method,
    routing::{MethodFilter, on},
};
use std::sync::Arc;

/// A route of the dashboard.
#[derive(Clone, Debug)]
pub struct PageRoute {
    /// The HTTP method.
    pub method: Method,
    /// The path.
    pub path: &'static str,
    /// The permission that it requires. `None` if it is open to everybody.
    pub needs: Option<RequiredPermission>,
}

/// Routes that need the same.
pub(super) struct Pages {
    needs: Option<RequiredPermission>,
    router: Router<Arc<Dashboard>>,
    routes: Vec<PageRoute>,
}

impl Pages {
    /// Routes that need this.
    pub(super) fn that_need(needs: impl Into<Option<RequiredPermission>>) -> Self {
        Self {
            needs: needs.into(),
            router: Router::new(),
            routes: Vec::new(),
        }
    }

    /// Shows something.
    pub(super) fn get<H, T>(self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, Arc<Dashboard>>,
        T: 'static,
    {
        self.on(Method::GET, MethodFilter::GET, path, handler)
    }

    /// Does something.
    pub(super) fn post<H, T>(self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, Arc<Dashboard>>,
        T: 'static,
    {
        self.on(Method::POST, MethodFilter::POST, path, handler)
    }

    fn on<H, T>(
        mut self,
        method: Method,
        filter: MethodFilter,
        path: &'static str,
        handler: H,
    ) -> Self
    where
        H: Handler<T, Arc<Dashboard>>,
        T: 'static,
    {
        self.routes.push(PageRoute {
            method,
            path,
            needs: self.needs,
        });
        self.router = self.router.route(path, on(filter, handler));
        self
    }

    /// Lets bodies be as large as this, in bytes.
    pub(super) fn with_bodies_up_to(mut self, limit: usize) -> Self {
        self.router = self.router.layer(DefaultBodyLimit::max(limit));
        self
    }

    /// The routes, for the server.
    pub(super) fn router(self) -> Router<Arc<Dashboard>> {
        match self.needs {
            Some(needs) => self.router.layer(Extension(needs)),
            None => self.router,
        }
    }

    /// The routes, for a list.
    pub(super) fn list(self) -> Vec<PageRoute> {
        self.routes
    }
}
