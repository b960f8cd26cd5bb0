//! Extractors for the path and the query of a request, with problems as errors.

use super::problem::ApiError;
use axum::{
    extract::{self, FromRequestParts},
    http::{StatusCode, Uri, request::Parts},
};
use serde::de::DeserializeOwned;

/// The variable parts of a path.
pub(super) struct Path<T>(pub(super) T);

/// A query.
pub(super) struct Query<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        check(&parts.uri)?;
        let read = extract::Path::from_request_parts(parts, state).await;
        let extract::Path(read) =
            read.map_err(|rejection| malformed("malformed-path", rejection))?;
        Ok(Self(read))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        check(&parts.uri)?;
        let read = extract::Query::from_request_parts(parts, state).await;
        let extract::Query(read) =
            read.map_err(|rejection| malformed("malformed-query", rejection))?;
        Ok(Self(read))
    }
}

/// Refuses a path or a query with a NUL in it: not every store can be asked for that.
pub(crate) fn check(uri: &Uri) -> Result<(), ApiError> {
    let has_nul = |part: &str| part.contains("%00");
    let text = "no text has the character NUL (%00) in it";
    match () {
        () if has_nul(uri.path()) => Err(malformed("malformed-path", text)),
        () if uri.query().is_some_and(has_nul) => Err(malformed("malformed-query", text)),
        () => Ok(()),
    }
}

fn malformed(kind: &'static str, why: impl ToString) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, kind, why)
}
