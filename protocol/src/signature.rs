//! Signed messages: HTTP message signatures (RFC 9421) over a digest of the body (RFC 9530), by ECDSA on P-256
//! with SHA-256.
//!
//! | label | signs | by | covers, in this order | parameters |
//! | --- | --- | --- | --- | --- |
//! | `agent` | a request | the device's key | `"@method" "@path" "content-digest"` | `created`, `nonce`, `keyid` (the
//! device's id), `tag="mdm-agent"` |
//! | `new` | a request that brings a new key | that key: it shows that the agent has it | the same | the same; at
//! enrollment `keyid` is `"new"` |
//! | `host` | an answer | the host's key | `"@status" "content-digest" "signature";req;key="agent"` (at enrollment
//! `key="new"`) | `created`, `keyid="host"`, `tag`: the [kind of the answer](crate::answer::ResponseKind) |
//!
//! `alg` may be left out. A request has the signatures that its call needs, and no others. A host takes a signature
//! whose `created` is at most [`MAX_AGE`] seconds old, and each nonce of a device once.

use crate::signing_key::{SigningKey, VerifyingKey};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use sfv::{BareItem, Dictionary, FieldType as _, List, ListEntry, Parser};

/// The header with the digest of the body.
pub const CONTENT_DIGEST: &str = "content-digest";
/// The header with the components and parameters that a signature covers.
pub const SIGNATURE_INPUT: &str = "signature-input";
/// The header with the signatures.
pub const SIGNATURE: &str = "signature";
/// The label of an agent's signature.
pub const AGENT: &str = "agent";
/// The label of the signature by a new key; at enrollment it is also the name of that key.
pub const NEW: &str = "new";
/// The maximum age of a signature, in seconds.
pub const MAX_AGE: u64 = 60;
/// The most by which an agent's clock may be ahead of the server's, in seconds.
pub const MAX_AHEAD: u64 = 5;
/// The longest nonce, in bytes.
pub const MAX_NONCE_LENGTH: usize = 64;

const REQUEST_TAG: &str = "mdm-agent";
const ALGORITHM: &str = "ecdsa-p256-sha256";
const REQUEST_COVERS: &str = r#"("@method" "@path" "content-digest")"#;

/// Why a message is not taken for its sender's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// A header is missing, or not of its form.
    #[error("the header `{0}` is missing, or is not a structured field of its form")]
    BadHeader(&'static str),
    /// There is no signature under this label.
    #[error("there is no signature labelled `{0}`")]
    Missing(&'static str),
    /// There are signatures that the call does not need.
    #[error(
        "it has signatures with labels that this request does not use: send only the required ones"
    )]
    OtherLabels,
    /// It covers other parts of the message than it has to.
    #[error("the signature does not cover the required components in the required order")]
    Covers,
    /// A parameter is missing or wrong.
    #[error("the parameter `{0}` of the signature is missing or wrong")]
    BadParameter(&'static str),
    /// The body is not the one that was signed.
    #[error("the body does not have the digest that was signed")]
    OtherBody,
    /// It was made with another key, or for another message.
    #[error("the signature was not made with the sender's key, or not for this message")]
    Forged,
    /// The system gave no random bytes to sign with.
    #[error("the operating system gave no random bytes to sign with")]
    NoRandom,
}

/// The headers of a signed message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headers {
    /// The value of [`CONTENT_DIGEST`].
    pub content_digest: String,
    /// The value of [`SIGNATURE_INPUT`].
    pub signature_input: String,
    /// The value of [`SIGNATURE`].
    pub signature: String,
}

/// A request, as far as it is signed.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Such as `POST`.
    pub method: &'a str,
    /// The path of its URL.
    pub path: &'a str,
    /// Its body.
    pub body: &'a [u8],
}

/// The signer of a request, with time and nonce.
#[derive(Clone, Copy, Debug)]
pub struct Stamp<'a> {
    /// The device's id; [`NEW`] at enrollment.
    pub device: &'a str,
    /// When, in seconds since 1970.
    pub created: u64,
    /// Never used by this device before.
    pub nonce: &'a str,
}

impl Request<'_> {
    /// Signs with each key, under its label.
    pub fn sign(
        &self,
        stamp: Stamp<'_>,
        keys: &[(&str, &SigningKey)],
    ) -> Result<Headers, SignatureError> {
        let content_digest = digest(self.body);
        let parameters = format!(
            "{REQUEST_COVERS};created={};nonce=\"{}\";keyid=\"{}\";tag=\"{REQUEST_TAG}\"",
            stamp.created, stamp.nonce, stamp.device
        );
        let base = self.base(&content_digest, &parameters);
        sign(content_digest, &parameters, &base, keys)
    }

    fn base(&self, content_digest: &str, parameters: &str) -> Vec<u8> {
        format!(
            "\"@method\": {}\n\"@path\": {}\n\"content-digest\": {content_digest}\n\
             \"@signature-params\": {parameters}",
            self.method, self.path
        )
        .into_bytes()
    }
}

impl Headers {
    /// Errors unless there are signatures under these labels, and under no others.
    pub fn check_labels(&self, labels: &[&'static str]) -> Result<(), SignatureError> {
        for (text, header) in [
            (&self.signature_input, SIGNATURE_INPUT),
            (&self.signature, SIGNATURE),
        ] {
            let members = dictionary(text, header)?;
            if let Some(missing) = labels.iter().find(|label| members.get(**label).is_none()) {
                return Err(SignatureError::Missing(missing));
            }
            if members.len() != labels.len() {
                return Err(SignatureError::OtherLabels);
            }
        }
        Ok(())
    }
}

/// The claims of one signature in a request's headers. They are not trusted before the signature is verified.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The device that claims to have signed.
    pub device: String,
    /// When, in seconds since 1970.
    pub created: u64,
    /// Never used by this device before.
    pub nonce: String,
    /// The signature itself: the answer refers to it.
    pub signature: Vec<u8>,
    pub(crate) parameters: String,
}

impl Signed {
    /// Reads what the headers of a request say of the signature under this label.
    pub fn of_request(headers: &Headers, label: &'static str) -> Result<Self, SignatureError> {
        let signed = Self::read(headers, label, REQUEST_COVERS, REQUEST_TAG)?;
        match signed.nonce.len() {
            1..=MAX_NONCE_LENGTH => Ok(signed),
            _ => Err(SignatureError::BadParameter("nonce")),
        }
    }

    /// Verifies that the owner of this key has signed this request.
    pub fn verify(
        &self,
        request: &Request<'_>,
        headers: &Headers,
        key: &VerifyingKey,
    ) -> Result<(), SignatureError> {
        check_digest(&headers.content_digest, request.body)?;
        let base = request.base(&headers.content_digest, &self.parameters);
        match key.verifies(&base, &self.signature) {
            true => Ok(()),
            false => Err(SignatureError::Forged),
        }
    }

    pub(crate) fn read(
        headers: &Headers,
        label: &'static str,
        covers: &str,
        tag: &str,
    ) -> Result<Self, SignatureError> {
        let inputs = dictionary(&headers.signature_input, SIGNATURE_INPUT)?;
        let signatures = dictionary(&headers.signature, SIGNATURE)?;
        let (Some(input), Some(signature)) = (inputs.get(label), signatures.get(label)) else {
            return Err(SignatureError::Missing(label));
        };
        let ListEntry::InnerList(list) = input else {
            return Err(SignatureError::BadHeader(SIGNATURE_INPUT));
        };
        let ListEntry::Item(signature) = signature else {
            return Err(SignatureError::BadHeader(SIGNATURE));
        };
        let BareItem::ByteSequence(signature) = &signature.bare_item else {
            return Err(SignatureError::BadHeader(SIGNATURE));
        };
        let parameters = List::from([input.clone()])
            .serialize()
            .filter(|parameters| parameters.starts_with(covers))
            .ok_or(SignatureError::Covers)?;
        let parameter = |name: &'static str| list.params.get(name);
        let text = |name: &'static str| -> Result<&str, SignatureError> {
            let value = parameter(name).and_then(BareItem::as_string);
            Ok(value.ok_or(SignatureError::BadParameter(name))?.as_str())
        };
        if text("tag")? != tag {
            return Err(SignatureError::BadParameter("tag"));
        }
        if parameter("alg").is_some() && text("alg")? != ALGORITHM {
            return Err(SignatureError::BadParameter("alg"));
        }
        // The host limits the age of `created` itself.
        if parameter("expires").is_some() {
            return Err(SignatureError::BadParameter("expires"));
        }
        let created = parameter("created")
            .and_then(BareItem::as_integer)
            .and_then(|created| u64::try_from(created).ok())
            .ok_or(SignatureError::BadParameter("created"))?;
        let nonce = match parameter("nonce") {
            Some(_) => text("nonce")?,
            None => "",
        };
        Ok(Self {
            device: text("keyid")?.to_owned(),
            created,
            nonce: nonce.to_owned(),
            signature: signature.clone(),
            parameters,
        })
    }
}

pub(crate) fn sign(
    content_digest: String,
    parameters: &str,
    base: &[u8],
    keys: &[(&str, &SigningKey)],
) -> Result<Headers, SignatureError> {
    let mut inputs = Vec::new();
    let mut signatures = Vec::new();
    for (label, key) in keys {
        let signature = key.sign(base).ok_or(SignatureError::NoRandom)?;
        inputs.push(format!("{label}={parameters}"));
        signatures.push(format!("{label}=:{}:", BASE64.encode(signature)));
    }
    Ok(Headers {
        content_digest,
        signature_input: inputs.join(", "),
        signature: signatures.join(", "),
    })
}

pub(crate) fn digest(body: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, body);
    format!("sha-256=:{}:", BASE64.encode(digest))
}

/// Checks the body against the digest in the header. Only the form that this crate writes is accepted.
pub(crate) fn check_digest(content_digest: &str, body: &[u8]) -> Result<(), SignatureError> {
    match content_digest == digest(body) {
        true => Ok(()),
        false => Err(SignatureError::OtherBody),
    }
}

fn dictionary(text: &str, header: &'static str) -> Result<Dictionary, SignatureError> {
    Parser::new(text)
        .parse()
        .map_err(|_| SignatureError::BadHeader(header))
}

#[cfg(test)]
#[path = "signature_tests.rs"]
mod tests;
