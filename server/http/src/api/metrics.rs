//! The metrics of responses, and the route that returns all metrics.

use super::{
    auth::{Authenticated, Bearer},
    components::Components,
    problem::{ApiError, Reason},
    tags::HOST,
};
use axum::{
    extract::{FromRequestParts, MatchedPath, Request, State},
    http::{Method, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use mdm_server_core::{
    error::ServerError,
    health::Health,
    metrics::{CONTENT_TYPE, Caller, Metrics},
    token::TokenDigest,
};
use std::{sync::Arc, time::Instant};

/// The token that may read the metrics and nothing else. `None` if only callers with the permission read them.
#[derive(Clone, Copy)]
pub(super) struct Reader(pub(super) Option<TokenDigest>);

impl FromRequestParts<Components> for Reader {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        components: &Components,
    ) -> Result<Self, ApiError> {
        let Bearer(token) = Bearer::from_request_parts(parts, components).await?;
        match parts.extensions.get::<Self>() {
            Some(Self(Some(reader))) if *reader == token => {}
            _ => {
                let Authenticated(by) =
                    Authenticated::from_request_parts(parts, components).await?;
                // They tell of all devices.
                by.check_all().map_err(ServerError::from)?;
            }
        }
        Ok(Self(Some(token)))
    }
}

/// The metrics, for Prometheus.
///
/// They are about all devices, so a token that is limited to groups may not read them. The metrics reader's own token
/// may.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "metrics",
    tag = HOST,
    responses((status = 200, content_type = CONTENT_TYPE, body = String)),
)]
pub(super) async fn read(
    _: Reader,
    State(health): State<Arc<Health>>,
) -> Result<impl IntoResponse, ApiError> {
    let text = health.metrics_text().await?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text))
}

/// Counts a response by the template of its route: the path itself comes from the caller.
pub(super) async fn count(
    State(metrics): State<Arc<Metrics>>,
    route: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let method = method_name(request.method());
    let start = Instant::now();
    let response = next.run(request).await;
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    metrics
        .http
        .answered(method, route, response.status().as_u16(), start.elapsed());
    if response.status().is_client_error()
        && let Some(Reason(reason)) = response.extensions().get()
        && let Some(caller) = caller(route)
    {
        metrics.http.refused(caller, reason);
    }
    response
}

fn caller(route: &str) -> Option<Caller> {
    match route {
        _ if route.starts_with("/agent/") => Some(Caller::Agent),
        _ if route.starts_with("/api/") || route == "/metrics" => Some(Caller::Admin),
        _ => None,
    }
}

pub(super) fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}
