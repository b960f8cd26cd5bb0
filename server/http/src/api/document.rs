//! The document of the API (OpenAPI 3.1), collected from the routes. This file adds their common parts: authentication
//! and errors.

use super::{
    bounds,
    guard::SECURITY_SCHEME,
    operations::{add_problem, operations_mut},
    routes::routes,
    tags::{DEVICES, HOST, PASSWORDS, PLUGINS, USERS, WEBHOOKS},
};
use axum::{http::header, response::IntoResponse};
use mdm_agent_protocol::sync::Problem;
use serde_json::Value;
use std::sync::LazyLock;
use utoipa::{
    OpenApi as _,
    openapi::{
        OpenApi,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_axum::router::OpenApiRouter;

/// The path of the document.
pub const DOCUMENT_PATH: &str = "/api/v1/openapi.json";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Lock screens", description = include_str!("document.md")),
    components(schemas(Problem)),
    tags(
        (name = DEVICES, description = "Devices, their policies, and how they enroll."),
        (name = PASSWORDS, description = "What this is for: passwords of lock screens."),
        (name = USERS, description = "Who may call."),
        (name = PLUGINS, description = "Which plugin decides, and which one is tried in its shadow."),
        (name = WEBHOOKS, description = "Who is told of changes."),
        (name = HOST, description = "The host itself.")
    )
)]
struct Common;

static JSON: LazyLock<String> = LazyLock::new(|| json().to_string());

/// The document, with the bounds of what callers send.
pub fn json() -> Value {
    // A document always has a form in JSON.
    let mut json = serde_json::to_value(document()).unwrap_or_default();
    bounds::write(&mut json);
    json
}

/// The operations and types of the API, as the routes have them.
pub fn document() -> OpenApi {
    let mut document = Common::openapi();
    document.merge(routes().into_openapi());
    document.merge(router::<()>().into_openapi());
    document.info.version = env!("CARGO_PKG_VERSION").to_owned();
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(
            "`Authorization: Bearer <token>`: the one that the host showed at its first start, or one that an \
             admin has made. What it may do is said with each operation.",
        ))
        .build();
    document
        .components
        .get_or_insert_default()
        .add_security_scheme(SECURITY_SCHEME, SecurityScheme::Http(scheme));
    for operation in document
        .paths
        .paths
        .values_mut()
        .flat_map(|item| operations_mut(item).map(|(_, operation)| operation))
    {
        for (status, what) in [
            ("4XX", "It can't be done as asked: `type` says why."),
            ("5XX", "The host failed: `type` says how."),
        ] {
            add_problem(operation, status, what);
        }
    }
    document
}

pub(super) fn router<S: Clone + Send + Sync + 'static>() -> OpenApiRouter<S> {
    OpenApiRouter::new()
        .routes(utoipa_axum::routes!(read))
        .routes(utoipa_axum::routes!(health))
}

/// This document.
#[utoipa::path(
    get,
    path = DOCUMENT_PATH,
    operation_id = "openapi",
    tag = HOST,
    responses((status = 200, content_type = "application/json", body = serde_json::Value)),
)]
async fn read() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], JSON.as_str())
}

/// The server is alive. Returns `ok`.
#[utoipa::path(
    get,
    path = "/health",
    tag = HOST,
    responses((status = 200, content_type = "text/plain; charset=utf-8", body = String)),
)]
async fn health() -> &'static str {
    "ok\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::operations::operations;
    use std::collections::BTreeSet;

    #[test]
    fn each_operation_has_a_name_of_its_own_and_says_what_it_needs() {
        let document = document();
        let mut names = BTreeSet::new();
        for (path, item) in &document.paths.paths {
            for (_, operation) in operations(item) {
                let name = operation.operation_id.clone().unwrap();
                assert!(
                    names.insert(name.clone()),
                    "two operations are called {name}"
                );
                let is_open = operation.security.is_none();
                assert_eq!(
                    is_open,
                    ["/health", "/ready", DOCUMENT_PATH].contains(&path.as_str()),
                    "{path}"
                );
            }
        }
    }

    #[test]
    fn what_the_document_refers_to_is_in_it() {
        let json = json();
        let text = json.to_string();
        for name in text.split("#/components/schemas/").skip(1) {
            let name = name.split('"').next().unwrap();
            assert!(json["components"]["schemas"][name].is_object(), "{name}");
        }
    }
}
