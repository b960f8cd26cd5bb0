//! Signed answers: each covers its status, its body and the signature of the request that it answers, and names its
//! kind. So it is the answer to no other request, and can't be taken for an answer of another kind.
//!
//! A host signs an answer only if it has verified the signature of the request, and refers to that signature alone. An
//! answer without a signature tells an agent nothing but to try again later.

use crate::{
    signature::{Headers, SignatureError, Signed, check_digest, digest, sign},
    signing_key::{SigningKey, VerifyingKey},
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

const HOST: &str = "host";

/// The kind of a signed response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseKind {
    /// An [`EnrollResponse`](crate::sync::EnrollResponse).
    Enrolled,
    /// A [`SyncResponse`](crate::sync::SyncResponse).
    Synced,
    /// A [`RotateKeysResponse`](crate::sync::RotateKeysResponse).
    KeysChanged,
    /// A [`Problem`](crate::sync::Problem).
    Problem,
}

impl ResponseKind {
    /// The kind of an answer with this status to a call that is answered with `success` if it succeeds.
    pub fn of(success: Self, status: u16) -> Self {
        match success.status() == Some(status) {
            true => success,
            false => Self::Problem,
        }
    }

    /// The HTTP status of a success; `None` for a problem, which names its own.
    pub fn status(self) -> Option<u16> {
        match self {
            Self::Enrolled => Some(201),
            Self::Synced | Self::KeysChanged => Some(200),
            Self::Problem => None,
        }
    }

    fn tag(self) -> &'static str {
        match self {
            Self::Enrolled => "mdm-server-enrolled",
            Self::Synced => "mdm-server-synced",
            Self::KeysChanged => "mdm-server-keys-changed",
            Self::Problem => "mdm-server-problem",
        }
    }
}

/// An answer, as far as it is signed.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The kind.
    pub kind: ResponseKind,
    /// Its HTTP status.
    pub status: u16,
    /// Its body.
    pub body: &'a [u8],
    /// The label of the request's signature that it answers to.
    pub label: &'a str,
    /// That signature.
    pub request: &'a [u8],
}

impl Answer<'_> {
    /// Signs with the host's key.
    pub fn sign(&self, created: u64, key: &SigningKey) -> Result<Headers, SignatureError> {
        let content_digest = digest(self.body);
        let parameters = format!(
            "{};created={created};keyid=\"{HOST}\";tag=\"{}\"",
            self.covers(),
            self.kind.tag()
        );
        let base = self.base(&content_digest, &parameters);
        sign(content_digest, &parameters, &base, &[(HOST, key)])
    }

    /// When the host has signed this answer, in seconds since 1970, if it did.
    pub fn verify(&self, headers: &Headers, key: &VerifyingKey) -> Result<u64, SignatureError> {
        let signed = Signed::read(headers, HOST, &self.covers(), self.kind.tag())?;
        check_digest(&headers.content_digest, self.body)?;
        let base = self.base(&headers.content_digest, &signed.parameters);
        match key.verifies(&base, &signed.signature) {
            true => Ok(signed.created),
            false => Err(SignatureError::Forged),
        }
    }

    fn covers(&self) -> String {
        format!(
            r#"("@status" "content-digest" "signature";req;key="{}")"#,
            self.label
        )
    }

    fn base(&self, content_digest: &str, parameters: &str) -> Vec<u8> {
        format!(
            "\"@status\": {}\n\"content-digest\": {content_digest}\n\
             \"signature\";req;key=\"{}\": :{}:\n\"@signature-params\": {parameters}",
            self.status,
            self.label,
            BASE64.encode(self.request)
        )
        .into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::AGENT;

    const SYNCED: Answer<'_> = Answer {
        kind: ResponseKind::Synced,
        status: 200,
        body: b"{}",
        label: AGENT,
        request: &[1; 64],
    };

    #[test]
    fn an_answer_is_that_of_its_host_to_its_request_with_its_status_and_its_body() {
        let (host, other) = (
            SigningKey::generate().unwrap(),
            SigningKey::generate().unwrap(),
        );
        let headers = SYNCED.sign(1_700_000_000, &host).unwrap();
        let verify = |answer: Answer<'_>| answer.verify(&headers, host.verifying_key());
        assert_eq!(verify(SYNCED), Ok(1_700_000_000));
        let forged = Err(SignatureError::Forged);
        assert_eq!(SYNCED.verify(&headers, other.verifying_key()), forged);
        let request = &[2; 64];
        assert_eq!(verify(Answer { request, ..SYNCED }), forged);
        let status = 201;
        assert_eq!(verify(Answer { status, ..SYNCED }), forged);
        let body = b"[]";
        let other_body = Err(SignatureError::OtherBody);
        assert_eq!(verify(Answer { body, ..SYNCED }), other_body);
    }

    #[test]
    fn an_answer_of_one_kind_is_none_of_another() {
        let host = SigningKey::generate().unwrap();
        let kinds = [
            ResponseKind::Enrolled,
            ResponseKind::Synced,
            ResponseKind::KeysChanged,
            ResponseKind::Problem,
        ];
        for signed in kinds {
            let headers = Answer {
                kind: signed,
                ..SYNCED
            }
            .sign(1_700_000_000, &host)
            .unwrap();
            for kind in kinds {
                let verified = Answer { kind, ..SYNCED }.verify(&headers, host.verifying_key());
                assert_eq!(verified.is_ok(), kind == signed, "{signed:?} as {kind:?}");
            }
        }
    }

    #[test]
    fn a_success_has_exactly_its_status_and_all_else_is_a_problem() {
        for (success, status) in [
            (ResponseKind::Enrolled, 201),
            (ResponseKind::Synced, 200),
            (ResponseKind::KeysChanged, 200),
        ] {
            for answered in [200, 201, 202, 204, 401, 503] {
                let kind = ResponseKind::of(success, answered);
                assert_eq!(kind == success, answered == status);
                assert_eq!(kind == ResponseKind::Problem, answered != status);
            }
        }
    }
}
