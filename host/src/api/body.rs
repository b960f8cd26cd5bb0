//! JSON bodies, and what to say of those that are none. The text of a body may be a password, so an
//! error tells where it is wrong and never what stands there. The bytes are wiped when they are freed
//! (`main.rs`), and those that hyper has read when it reads on (`serving.rs`).

use super::problem::ApiError;
use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::StatusCode,
};
use serde::de::DeserializeOwned;

/// A body of JSON.
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let bytes =
            Bytes::from_request(request, state)
                .await
                .map_err(|rejection| match rejection.status() {
                    status @ StatusCode::PAYLOAD_TOO_LARGE => {
                        ApiError::new(status, "body-too-large", "the body is larger than 256 KiB")
                    }
                    status => ApiError::new(status, "bad-body", "the body did not arrive whole"),
                })?;
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|error| bad_json(&error))
    }
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
    use crate::service::Reset;

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
            let error = serde_json::from_str::<Reset>(body).unwrap_err();
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
    fn a_missing_field_is_named() {
        let error = serde_json::from_str::<Reset>("{}").unwrap_err();
        assert!(
            bad_json(&error)
                .problem()
                .detail
                .contains("`password` is missing")
        );
    }
}
