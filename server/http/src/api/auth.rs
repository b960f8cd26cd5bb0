//! Authenticates callers by their bearer token, and authorizes them. Agents sign their requests instead: `signed`.

pub(crate) use super::client_address::address;
use super::{components::Components, problem::ApiError};
use axum::{
    extract::FromRequestParts,
    http::{Extensions, StatusCode, header, request::Parts},
};
use mdm_server_core::{
    access::{Caller, Permission},
    token::{self, TokenDigest},
};

/// The permission that a route requires: an extension of each of its requests. A handler on a route without one gets no
/// caller, so a route can't be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequiredPermission {
    /// An authenticated caller.
    Anybody,
    /// An authorized caller.
    Permission(Permission),
}

/// Authorizes a caller for the route of these extensions.
pub(crate) fn authorize(caller: &Caller, route: &Extensions) -> Result<(), ApiError> {
    match route.get() {
        Some(RequiredPermission::Anybody) => Ok(()),
        Some(RequiredPermission::Permission(permission)) => {
            let denied = |error| ApiError::new(StatusCode::FORBIDDEN, "forbidden", error);
            caller.check(*permission).map_err(denied)
        }
        None => Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "this route doesn't say what it needs, so nobody is let through: report this fault of the host",
        )),
    }
}

/// The calling program, with the permission for the route.
pub(super) struct Authenticated(pub(super) Caller);

/// The bearer token of a request.
pub(super) struct Bearer(pub(super) TokenDigest);

impl FromRequestParts<Components> for Bearer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Components) -> Result<Self, ApiError> {
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

impl FromRequestParts<Components> for Authenticated {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        components: &Components,
    ) -> Result<Self, ApiError> {
        let Bearer(token) = Bearer::from_request_parts(parts, components).await?;
        let caller = components
            .0
            .identity
            .program(token, address(&parts.extensions))
            .await?;
        let caller = caller.ok_or_else(|| {
            ApiError::new(
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "this token is unknown or revoked: use the one that the host showed at its first start, or one that \
                 an admin has made",
            )
        })?;
        authorize(&caller, &parts.extensions)?;
        Ok(Self(Caller {
            idempotency_key: parts.extensions.get().cloned(),
            ..caller
        }))
    }
}
