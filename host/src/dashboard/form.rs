//! What a form sends. It is taken only from whom the form was given to, and no error quotes it: it may be a
//! password.

use super::{Dashboard, error::PageError, session::SignedIn};
use crate::{access::Caller, api::body, idempotency::KeyOrigin, token};
use axum::{
    extract::{FromRequest, FromRequestParts as _, Request},
    http::StatusCode,
};
use serde::{Deserialize, de::DeserializeOwned};
use std::sync::Arc;

/// The name of the field with the session's token.
pub(super) const TOKEN_FIELD: &str = "form_token";

/// The name of the field with the form's idempotency key: a double click does nothing twice.
pub(super) const KEY_FIELD: &str = "key";

/// The longest key, in bytes.
const MAX_KEY_LENGTH: usize = 64;

/// A form that a signed-in admin has sent.
pub(super) struct Form<T>(pub(super) SignedIn, pub(super) T);

#[derive(Deserialize)]
struct Fields {
    form_token: String,
    #[serde(default)]
    key: String,
}

impl<T: DeserializeOwned> FromRequest<Arc<Dashboard>> for Form<T> {
    type Rejection = PageError;

    async fn from_request(request: Request, dashboard: &Arc<Dashboard>) -> Result<Self, PageError> {
        let (mut parts, content) = request.into_parts();
        let mut signed_in = SignedIn::from_request_parts(&mut parts, dashboard).await?;
        let path = parts.uri.to_string();
        let bytes = body::read(Request::from_parts(parts, content), dashboard).await?;
        let Fields { form_token, key } =
            serde_urlencoded::from_bytes(&bytes).map_err(|_| PageError::StrangeForm)?;
        check_token(&signed_in, &form_token)?;
        if (1..=MAX_KEY_LENGTH).contains(&key.len()) {
            let Caller { name, .. } = &signed_in.caller;
            let request: [&[u8]; 3] = [path.as_bytes(), b"\n", &bytes];
            let service = &dashboard.service;
            let key = service.idempotency_key(name, key, &request, KeyOrigin::Form);
            signed_in.caller.idempotency_key = Some(key);
        }
        if bytes.contains(&0) || bytes.windows(3).any(|it| it == b"%00") {
            return Err(PageError::Failed {
                status: StatusCode::UNPROCESSABLE_ENTITY,
                detail: "no field of a form has the character NUL in it".into(),
            });
        }
        match serde_urlencoded::from_bytes(&bytes) {
            Ok(form) => Ok(Self(signed_in, form)),
            Err(_) => Err(PageError::Failed {
                status: StatusCode::UNPROCESSABLE_ENTITY,
                detail: "a field of the form is missing, or is not of the right kind".into(),
            }),
        }
    }
}

/// Checks that a form is this session's.
pub(super) fn check_token(signed_in: &SignedIn, form_token: &str) -> Result<(), PageError> {
    // Digests, so that the time which a comparison takes tells nothing.
    match token::digest(form_token) == token::digest(signed_in.form_token()) {
        true => Ok(()),
        false => Err(PageError::StrangeForm),
    }
}

/// A field that was left empty is none.
pub(super) fn filled(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}
