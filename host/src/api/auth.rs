//! Who calls: an admin by the admin's token, an agent by its credential.

use super::{problem::ApiError, rate::Meter};
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

/// The caller is the agent of this device.
pub(super) struct Agent(pub(super) String);

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

impl FromRequestParts<Arc<Service>> for Agent {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Arc<Service>,
    ) -> Result<Self, ApiError> {
        let Bearer(credential) = Bearer::from_request_parts(parts, service).await?;
        match service.authenticate_agent(credential).await? {
            Some(device) => {
                if let Some(meter) = parts.extensions.get::<Arc<Meter>>() {
                    meter.device(&device)?;
                }
                Ok(Self(device))
            }
            None => Err(ApiError::new(
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "no device has this credential: enroll again",
            )),
        }
    }
}
