//! Who calls, by the token that comes with the call. An agent signs its calls instead: `signed`.

use super::problem::ApiError;
use crate::{
    service::Service,
    token::{self, TokenDigest},
};
use axum::{
    extract::FromRequestParts,
    http::{StatusCode, header, request::Parts},
};
use std::sync::Arc;

/// The caller is an admin.
pub(super) struct Admin;

/// The bearer token that came with a request, whatever it is for.
pub(super) struct Bearer(pub(super) TokenDigest);

impl FromRequestParts<Arc<Service>> for Bearer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Service>) -> Result<Self, ApiError> {
        let header = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        match header.and_then(|value| value.split_once(' ')) {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                Ok(Self(token::digest(token.trim())))
            }
            _ => Err(ApiError::new(
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "this call needs a token: send `Authorization: Bearer <token>`",
            )),
        }
    }
}

impl FromRequestParts<Arc<Service>> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Arc<Service>,
    ) -> Result<Self, ApiError> {
        let Bearer(token) = Bearer::from_request_parts(parts, service).await?;
        if service.is_admin(token).await? {
            return Ok(Self);
        }
        Err(ApiError::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "this is no admin's token: use the one that the host showed at its first start",
        ))
    }
}
