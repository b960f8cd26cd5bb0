//! Routes that require a permission: the extractors check it, and the document of the API states it.

use super::{
    auth::RequiredPermission,
    idempotency,
    operations::{add_problem, operations_mut},
};
use axum::{Extension, middleware};
use mdm_server_core::access::Permission;
use utoipa::openapi::{
    HttpMethod, ObjectBuilder, Type,
    path::{Parameter, ParameterBuilder, ParameterIn},
    security::SecurityRequirement,
};
use utoipa_axum::router::OpenApiRouter;

/// The name of the security scheme.
pub const SECURITY_SCHEME: &str = "token";

/// Requires this permission for these routes. Their requests may carry an idempotency key.
pub(super) fn require<S: Clone + Send + Sync + 'static>(
    permission: Permission,
    mut routes: OpenApiRouter<S>,
) -> OpenApiRouter<S> {
    document(permission, &mut routes);
    routes
        .layer(middleware::from_fn(idempotency::identify))
        .layer(Extension(RequiredPermission::Permission(permission)))
}

/// Documents the permission of these routes, and their `Idempotency-Key`.
fn document<S>(permission: Permission, routes: &mut OpenApiRouter<S>)
where
    S: Clone + Send + Sync + 'static,
{
    for (path, item) in &mut routes.get_openapi_mut().paths.paths {
        for (method, operation) in operations_mut(item) {
            if idempotency::takes_key(method == HttpMethod::Post, path, permission) {
                operation
                    .parameters
                    .get_or_insert_default()
                    .push(key_parameter().into());
                add_problem(
                    operation,
                    "422",
                    "The body is not what this operation takes, or the Idempotency-Key was sent with another request.",
                );
            }
            operation.security = Some(vec![SecurityRequirement::new(
                SECURITY_SCHEME,
                [permission.as_str()],
            )]);
            let needed = format!(
                "The token lacks the permission `{permission}`, or is limited to other devices."
            );
            add_problem(
                operation,
                "401",
                "The token is missing, unknown or revoked.",
            );
            add_problem(operation, "403", &needed);
        }
    }
}

/// The parameter `Idempotency-Key`.
fn key_parameter() -> Parameter {
    let word = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some("^[!-~]{1,255}$"));
    ParameterBuilder::new()
        .name(idempotency::KEY.as_str())
        .parameter_in(ParameterIn::Header)
        .description(Some(
            "Names this request: a retry with the same key gets the response of its first execution, and nothing is done \
             twice.",
        ))
        .schema(Some(word))
        .build()
}
