//! JSON bodies and their errors. A body may contain a password, so an error has the position of a fault but never
//! quotes the text. The bytes are wiped when they are freed (`main.rs`); hyper's read buffers, before the next read
//! (`serving.rs`).

use super::problem::ApiError;
use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{StatusCode, header},
};
use prometheus_client::metrics::counter::Counter;
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::time::timeout;

/// Maximum size of a request's body, in bytes: more than any agent needs.
pub(super) const LARGEST_BODY: usize = 256 << 10;

/// The time limit of a body, and the counter of bodies that exceed it: an extension of each request.
#[derive(Clone)]
pub(super) struct BodyTime {
    pub(super) time: Duration,
    pub(super) too_slow: Counter,
}

/// A body of JSON.
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let bytes = read(request, state).await?;
        let said = json(&bytes)?;
        match has_nul(&bytes) {
            false => Ok(Self(said)),
            true => {
                let text =
                    "no text has the character NUL (\\u0000) in it: not every store can keep it";
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                Err(ApiError::new(status, "malformed-body", text))
            }
        }
    }
}

/// Returns `true` if a string of this JSON has a NUL. JSON has one way to write it.
fn has_nul(json: &[u8]) -> bool {
    let mut rest = json;
    while let Some(place) = rest.iter().position(|it| *it == b'\\') {
        let escape = &rest[place + 1..];
        if escape.starts_with(b"u0000") {
            return true;
        }
        // Skips the escaped character: an escaped backslash escapes nothing.
        rest = escape.get(1..).unwrap_or_default();
    }
    false
}

/// Deserializes a body, which must be an object. serde also accepts a list of field values, in which a password could
/// take the place of another route's reason.
pub(super) fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let read = serde_json::from_slice(bytes).map_err(|error| bad_json(&error))?;
    if bytes.trim_ascii_start().starts_with(b"{") {
        return Ok(read);
    }
    let text = "the body is JSON, but no object: name each field, as in {\"password\": …}";
    Err(ApiError::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "malformed-body",
        text,
    ))
}

/// Reads a body within the limits of size and time. A body with a greater `Content-Length` is not read at all.
pub(crate) async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, ApiError> {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > LARGEST_BODY as u64) {
        return Err(too_large());
    }
    let patience = request.extensions().get::<BodyTime>().cloned();
    let bytes = Bytes::from_request(request, state);
    let bytes = match patience {
        None => bytes.await,
        Some(BodyTime { time, too_slow }) => timeout(time, bytes).await.map_err(|_| {
            too_slow.inc();
            let text = format!("the body did not arrive within {} s", time.as_secs());
            ApiError::new(StatusCode::REQUEST_TIMEOUT, "body-too-slow", text)
        })?,
    };
    bytes.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        status => ApiError::new(status, "bad-body", "the body did not arrive whole"),
    })
}

fn too_large() -> ApiError {
    let text = format!("the body is larger than {} KiB", LARGEST_BODY >> 10);
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", text)
}

fn bad_json(error: &serde_json::Error) -> ApiError {
    let place = format!("line {} column {}", error.line(), error.column());
    if !error.is_data() {
        let text = format!("the body is no JSON: it goes wrong at {place}");
        return ApiError::new(StatusCode::BAD_REQUEST, "malformed-json", text);
    }
    // The names of missing fields are ours; anything else may quote the body.
    let text = error.to_string();
    let what = match text
        .strip_prefix("missing field `")
        .and_then(|rest| rest.split_once('`'))
    {
        Some((field, _)) => format!("the field `{field}` is missing"),
        None => "a field is unknown, or its value is not of the right kind".to_owned(),
    };
    let text = format!("the body is JSON, but not what this call takes: {what}, at {place}");
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "malformed-body", text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mdm_server_core::commands::Reset;

    #[test]
    fn an_error_in_a_body_says_where_and_never_what() {
        for (body, kind) in [
            (r#""73945""#, "malformed-body"),
            (r#"{"password": 73945}"#, "malformed-body"),
            (r#"{"password": "73945", "73945": 1}"#, "malformed-body"),
            (
                r#"{"password": "73945", "options": "73945"}"#,
                "malformed-body",
            ),
            (
                r#"{"password": "73945", "terms": {"73945": 1}}"#,
                "malformed-body",
            ),
            (r#"{"passwort": "73945"}"#, "malformed-body"),
            (r#"{"password": "73945"#, "malformed-json"),
        ] {
            let error = serde_json::from_str::<Reset>(body).err().unwrap();
            let problem = bad_json(&error).problem();
            assert_eq!(problem.kind, kind, "{body}");
            assert!(!problem.detail.contains("73945"), "{}", problem.detail);
            assert!(
                problem.detail.contains("line 1 column"),
                "{}",
                problem.detail
            );
        }
    }

    #[test]
    fn a_body_is_an_object_and_not_a_list_of_what_its_fields_hold() {
        assert!(json::<Reset>(br#" {"password": "7294"}"#).is_ok());
        let problem = json::<Reset>(br#"["7294"]"#).err().unwrap().problem();
        assert_eq!(problem.kind, "malformed-body");
        assert!(!problem.detail.contains("7294"), "{}", problem.detail);
    }

    #[test]
    fn a_missing_field_is_named() {
        let error = serde_json::from_str::<Reset>("{}").err().unwrap();
        assert!(
            bad_json(&error)
                .problem()
                .detail
                .contains("`password` is missing")
        );
    }
}
