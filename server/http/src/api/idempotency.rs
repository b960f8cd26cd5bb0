//! The header `Idempotency-Key`: a retry of a request gets the response of its first execution.

use super::{
    auth::{Authenticated, Bearer, RequiredPermission},
    body,
    components::Components,
    problem::ApiError,
};
use axum::{
    body::Body,
    extract::{FromRequestParts as _, MatchedPath, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, request::Parts},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use mdm_server_core::{
    access::Permission,
    idempotency::{IdempotencyKey, KeyOrigin},
};

/// The header with the key.
pub(super) const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The header of a stored response that is sent again.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The route whose response is never stored: it contains passwords.
const EXPORT: &str = "/passwords.csv";

/// The longest key, in bytes.
const MAX_KEY_LENGTH: usize = 255;

/// Returns `true` if requests of this route may have an idempotency key.
pub(super) fn takes_key(is_post: bool, path: &str, permission: Permission) -> bool {
    is_post && permission != Permission::See && !path.ends_with(EXPORT)
}

/// Hands the key of a request, if it has one, to the caller of its use case.
pub(super) async fn identify(request: Request, next: Next) -> Response {
    if !request.headers().contains_key(KEY) {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let extensions = &parts.extensions;
    let (Some(RequiredPermission::Permission(permission)), Some(path), Some(components)) = (
        extensions.get().copied(),
        extensions.get::<MatchedPath>().cloned(),
        extensions.get::<Components>().cloned(),
    ) else {
        return next.run(Request::from_parts(parts, body)).await;
    };
    if path.as_str().ends_with(EXPORT) {
        let text = "the passwords of a password export are kept nowhere, so it can't be sent again: send no Idempotency-Key";
        return ApiError::new(StatusCode::BAD_REQUEST, "bad-idempotency-key", text).into_response();
    }
    if !takes_key(parts.method == Method::POST, path.as_str(), permission) {
        return next.run(Request::from_parts(parts, body)).await;
    }
    let (key, body) = match read(&components, &mut parts, path.as_str(), body).await {
        Ok(read) => read,
        Err(error) => return error.into_response(),
    };
    parts.extensions.insert(key.clone());
    let mut response = next.run(Request::from_parts(parts, body)).await;
    if key.is_replayed() {
        let headers = response.headers_mut();
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

/// The key of a request, and its body, which was read for that.
async fn read(
    components: &Components,
    parts: &mut Parts,
    path: &str,
    body: Body,
) -> Result<(IdempotencyKey, Body), ApiError> {
    let key = key(&parts.headers)?;
    let Authenticated(by) = Authenticated::from_request_parts(parts, components).await?;
    let Bearer(token) = Bearer::from_request_parts(parts, components).await?;
    let body = body::read(Request::from_parts(parts.clone(), body), &()).await?;
    let line = format!("{} {path} {}\n", parts.method, parts.uri);
    // Another token of the same name may have other permissions: it gets no response of this one.
    let request: [&[u8]; 3] = [&token, line.as_bytes(), &body];
    let key = components
        .0
        .responses
        .key(&by.actor, key, &request, KeyOrigin::Header);
    Ok((key, Body::from(body)))
}

fn key(headers: &HeaderMap) -> Result<String, ApiError> {
    let mut keys = headers.get_all(KEY).iter();
    let is_visible = |key: &&str| key.bytes().all(|byte| byte.is_ascii_graphic());
    match (
        keys.next()
            .and_then(|key| key.to_str().ok())
            .filter(is_visible),
        keys.next(),
    ) {
        (Some(key), None) if (1..=MAX_KEY_LENGTH).contains(&key.len()) => Ok(key.to_owned()),
        _ => {
            let text = "an Idempotency-Key is one word of 1 to 255 visible characters of ASCII";
            Err(ApiError::new(
                StatusCode::BAD_REQUEST,
                "bad-idempotency-key",
                text,
            ))
        }
    }
}
