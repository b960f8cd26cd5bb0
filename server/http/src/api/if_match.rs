//! `ETag` and `If-Match` (RFC 9110): nothing is done to a device that has changed since the caller looked at it.

use super::problem::ApiError;
use axum::{
    Json,
    extract::FromRequestParts,
    http::{
        HeaderName, HeaderValue,
        header::{ETAG, IF_MATCH},
        request::Parts,
    },
};
use mdm_server_core::precondition::Precondition;
use std::convert::Infallible;
use utoipa::{
    IntoParams,
    openapi::{
        Object, Type,
        path::{Parameter, ParameterBuilder, ParameterIn},
    },
};

/// An answer about a device, with the device's tag.
pub(super) type Tagged<T> = Result<([(HeaderName, String); 1], Json<T>), ApiError>;

/// A response about a device with this ETag.
pub(super) fn tagged<T>(tag: &str, said: T) -> ([(HeaderName, String); 1], Json<T>) {
    ([(ETAG, format!("\"{tag}\""))], Json(said))
}

/// The ETags of the device that the caller accepts. `None` for any.
pub(super) struct IfMatch(Option<Vec<String>>);

impl IfMatch {
    /// This device, as the caller has seen it.
    pub(super) fn of<'a>(&'a self, device: &'a str) -> Precondition<'a> {
        Precondition::new(device, self.0.as_deref())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let values = parts.headers.get_all(IF_MATCH);
        // A value that is no text is not a tag of this server.
        let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
        let tags: Vec<String> = values
            .iter()
            .map(text)
            .flat_map(|line| line.split(',').map(unquoted).collect::<Vec<_>>())
            .collect();
        let is_any = tags.is_empty() || tags.iter().any(|tag| tag == "*");
        Ok(Self((!is_any).then_some(tags)))
    }
}

fn unquoted(tag: &str) -> String {
    tag.trim().trim_matches('"').to_owned()
}

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let parameter = ParameterBuilder::new()
            .name(IF_MATCH.as_str())
            .parameter_in(ParameterIn::Header)
            .description(Some(
                "The `ETag` of the device as the caller has seen it: if it has changed since, the answer is `412`.",
            ))
            .schema(Some(Object::with_type(Type::String)));
        vec![parameter.build()]
    }
}
