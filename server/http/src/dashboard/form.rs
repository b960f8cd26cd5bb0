//! Posted forms. A form is accepted only from the session that it was made for. No error quotes a field: it may be a
//! password.

use super::{error::PageError, session::SignedIn, state::Dashboard};
use crate::api::body;
use axum::{
    extract::{FromRequest, FromRequestParts as _, Request},
    http::StatusCode,
};
use mdm_server_core::{access::Caller, idempotency::KeyOrigin, token};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeOwned, Error as _},
};
use std::{fmt, sync::Arc};

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
            let Caller { actor, .. } = &signed_in.caller;
            let request: [&[u8]; 3] = [path.as_bytes(), b"\n", &bytes];
            let key = dashboard
                .server
                .responses
                .key(actor, key, &request, KeyOrigin::Form);
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

/// A field with a number, or with none where it was left empty. Anything else is an error: it must not be taken for
/// none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Number(pub(super) Option<u64>);

impl Number {
    /// Returns `true` if the option of this value is chosen.
    pub(super) fn is(self, value: &str) -> bool {
        self.to_string() == value
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |number| number.fmt(f))
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = filled(&text).map(str::parse).transpose();
        // The error does not quote the text.
        number.map(Self).map_err(|_| D::Error::custom("no number"))
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A field that was left empty is none.
pub(super) fn filled(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::Number;

    #[test]
    fn a_number_that_cannot_be_read_is_an_error_and_not_none() {
        let read = |text: &str| serde_json::from_value::<Number>(text.into()).ok();
        assert_eq!(read(""), Some(Number(None)));
        assert_eq!(read("3600"), Some(Number(Some(3600))));
        for bad in ["never", "-1", "1.5", "99999999999999999999", "1 h"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert!(Number(Some(60)).is("60") && Number(None).is(""));
    }
}
