//! `Idempotency-Key`: who sends a call again, because its answer was lost, gets that answer, and nothing is done
//! twice.

use super::{
    auth::{Bearer, By, Needs},
    body,
    problem::{ApiError, Reason},
};
use crate::{
    access::Permission,
    service::{Once, Service, ServiceError},
};
use axum::{
    body::{Body, to_bytes},
    extract::{FromRequestParts as _, MatchedPath, Request},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{CONTENT_TYPE, ETAG},
        request::Parts,
    },
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use zeroize::Zeroizing;

/// By what a caller names a call.
pub(super) const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// That an answer is one which was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The answers of this route are passwords that are told once, and kept nowhere.
const SHEET: &str = "/sheet.csv";

/// The longest key, in bytes.
const LONGEST_KEY: usize = 255;

/// Whether the calls of a route may name themselves by a key.
pub(super) fn takes_key(is_post: bool, path: &str, permission: Permission) -> bool {
    is_post && permission != Permission::See && !path.ends_with(SHEET)
}

/// Carries a call with a key out once.
pub(super) async fn once(request: Request, next: Next) -> Response {
    if !request.headers().contains_key(KEY) {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let extensions = &parts.extensions;
    let (Some(Needs::Permission(permission)), Some(path), Some(service)) = (
        extensions.get().copied(),
        extensions.get::<MatchedPath>().cloned(),
        extensions.get::<Arc<Service>>().cloned(),
    ) else {
        return next.run(Request::from_parts(parts, body)).await;
    };
    if path.as_str().ends_with(SHEET) {
        let text = "the passwords of a sheet are kept nowhere, so it can't be sent again: send no Idempotency-Key";
        return ApiError::new(StatusCode::BAD_REQUEST, "bad-idempotency-key", text).into_response();
    }
    if !takes_key(parts.method == Method::POST, path.as_str(), permission) {
        return next.run(Request::from_parts(parts, body)).await;
    }
    match carry_out_once(&service, &mut parts, path.as_str(), body, next).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn carry_out_once(
    service: &Arc<Service>,
    parts: &mut Parts,
    path: &str,
    body: Body,
    next: Next,
) -> Result<Response, ApiError> {
    let key = key(&parts.headers)?;
    let By(by) = By::from_request_parts(parts, service).await?;
    let Bearer(token) = Bearer::from_request_parts(parts, service).await?;
    let body = body::read(Request::from_parts(parts.clone(), body), &()).await?;
    let line = format!("{} {path} {}\n", parts.method, parts.uri);
    // Another token of the same name may do other things, and is told nothing of this one's answers.
    let asked: [&[u8]; 3] = [&token, line.as_bytes(), &body];
    let call = match service.begin_call(&by, &key, &asked).await? {
        Once::Do(call) => call,
        Once::Again(kept) => return Kept::read(&kept),
    };
    let response = next
        .run(Request::from_parts(parts.clone(), Body::from(body)))
        .await;
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.map_err(|error| {
        let text = format!("the answer could not be kept: {error}");
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "host-failed", text)
    })?;
    let failed = parts.extensions.get::<Reason>();
    if failed.is_some_and(|Reason(kind)| *kind == ServiceError::STORE_FAILED) {
        // It may have been committed, and its answer lost: who repeats it at once would do it twice.
        return Ok(Response::from_parts(parts, Body::from(body)));
    }
    let kept = match parts.status.is_server_error() {
        true => None,
        false => Kept::write(parts.status, &parts.headers, &body),
    };
    let kept = kept.as_deref().map(Vec::as_slice);
    if let Err(error) = service.end_call(call, kept).await {
        tracing::warn!(%error, "the answer of a call with an Idempotency-Key was not kept");
    }
    Ok(Response::from_parts(parts, Body::from(body)))
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
        (Some(key), None) if (1..=LONGEST_KEY).contains(&key.len()) => Ok(key.to_owned()),
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

/// An answer as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    status: u16,
    content_type: Option<String>,
    etag: Option<String>,
    body: Zeroizing<String>,
}

impl Kept {
    /// None: it is no text, as all answers of these routes are.
    fn write(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let text = |name| Some(headers.get(name)?.to_str().ok()?.to_owned());
        let kept = Self {
            status: status.as_u16(),
            content_type: text(CONTENT_TYPE),
            etag: text(ETAG),
            body: Zeroizing::new(String::from_utf8(body.to_vec()).ok()?),
        };
        serde_json::to_vec(&kept).ok().map(Zeroizing::new)
    }

    /// The answer as it was given before.
    fn read(kept: &[u8]) -> Result<Response, ApiError> {
        let broken = |error: &dyn ToString| {
            let text = format!("a kept answer can't be read: {}", error.to_string());
            ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "host-failed", text)
        };
        let kept: Self = serde_json::from_slice(kept).map_err(|error| broken(&error))?;
        let status = StatusCode::from_u16(kept.status).map_err(|error| broken(&error))?;
        let mut response = (status, kept.body.as_str().to_owned()).into_response();
        let headers = response.headers_mut();
        headers.remove(CONTENT_TYPE);
        for (name, value) in [(CONTENT_TYPE, kept.content_type), (ETAG, kept.etag)] {
            if let Some(value) = value.and_then(|it| HeaderValue::from_str(&it).ok()) {
                headers.insert(name, value);
            }
        }
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
        Ok(response)
    }
}
