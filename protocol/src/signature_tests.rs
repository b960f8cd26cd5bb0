//! Signed messages, held against another implementation of RFC 9421.

use super::*;
use httpsig::prelude::{
    AlgorithmName, HttpSignatureBase, HttpSignatureHeaders, HttpSignatureParams, PublicKey,
    SecretKey,
    message_component::{HttpMessageComponent, HttpMessageComponentId},
};
use proptest::prelude::*;

const REQUEST: Request<'static> = Request {
    method: "POST",
    path: "/agent/v1/sync",
    body: b"{}",
};
const STAMP: Stamp<'static> = Stamp {
    device: "0198c1de-0000-7000-8000-000000000001",
    created: 1_700_000_000,
    nonce: "bm9uY2U=",
};

fn key() -> SigningKey {
    SigningKey::generate().unwrap()
}

fn verify(
    request: &Request<'_>,
    headers: &Headers,
    key: &SigningKey,
) -> Result<(), SignatureError> {
    Signed::of_request(headers, AGENT)?.verify(request, headers, key.verifying_key())
}

#[test]
fn a_signed_request_tells_who_when_and_once() {
    let key = key();
    let headers = REQUEST.sign(STAMP, &[(AGENT, &key)]).unwrap();
    let signed = Signed::of_request(&headers, AGENT).unwrap();
    assert_eq!(signed.device, STAMP.device);
    assert_eq!(signed.created, STAMP.created);
    assert_eq!(signed.nonce, STAMP.nonce);
    assert_eq!(verify(&REQUEST, &headers, &key), Ok(()));
}

#[test]
fn a_signature_fits_no_other_request_and_no_other_key() {
    let signer = key();
    let headers = REQUEST.sign(STAMP, &[(AGENT, &signer)]).unwrap();
    let other_path = Request {
        path: "/agent/v1/keys",
        ..REQUEST
    };
    let other_method = Request {
        method: "PUT",
        ..REQUEST
    };
    let other_body = Request {
        body: b"{ }",
        ..REQUEST
    };
    assert_eq!(
        verify(&other_path, &headers, &signer),
        Err(SignatureError::Forged)
    );
    assert_eq!(
        verify(&other_method, &headers, &signer),
        Err(SignatureError::Forged)
    );
    assert_eq!(
        verify(&other_body, &headers, &signer),
        Err(SignatureError::OtherBody)
    );
    assert_eq!(
        verify(&REQUEST, &headers, &key()),
        Err(SignatureError::Forged)
    );
}

#[test]
fn a_signature_that_leaves_out_a_part_or_tells_other_things_is_refused() {
    let key = key();
    let headers = REQUEST.sign(STAMP, &[(AGENT, &key)]).unwrap();
    let altered = |from: &str, to: &str| {
        let headers = Headers {
            signature_input: headers.signature_input.replace(from, to),
            ..headers.clone()
        };
        verify(&REQUEST, &headers, &key)
    };
    assert_eq!(
        altered(r#" "content-digest""#, ""),
        Err(SignatureError::Covers)
    );
    assert_eq!(altered("17000", "17001"), Err(SignatureError::Forged));
    assert_eq!(
        altered("created=1", "created=-1"),
        Err(SignatureError::BadParameter("created"))
    );
    assert_eq!(
        altered("mdm-agent", "mdm-server"),
        Err(SignatureError::BadParameter("tag"))
    );
    assert_eq!(
        altered("bm9uY2U=", ""),
        Err(SignatureError::BadParameter("nonce"))
    );
    assert_eq!(
        altered(";tag", ";alg=\"hmac-sha256\";tag"),
        Err(SignatureError::BadParameter("alg"))
    );
    assert_eq!(
        altered(";tag", ";expires=1800000000;tag"),
        Err(SignatureError::BadParameter("expires"))
    );
    assert_eq!(
        altered("agent=", "client="),
        Err(SignatureError::Missing(AGENT))
    );
    assert_eq!(
        altered("agent=(", "agent=["),
        Err(SignatureError::BadHeader(SIGNATURE_INPUT))
    );
}

fn components() -> Vec<HttpMessageComponent> {
    [
        "\"@method\": POST".to_owned(),
        "\"@path\": /agent/v1/sync".to_owned(),
        format!("\"content-digest\": {}", digest(REQUEST.body)),
    ]
    .iter()
    .map(|line| HttpMessageComponent::try_from(line.as_str()).unwrap())
    .collect()
}

#[test]
fn another_implementation_takes_our_signatures() {
    let key = key();
    let headers = REQUEST.sign(STAMP, &[(AGENT, &key)]).unwrap();
    let read =
        HttpSignatureHeaders::try_parse(&headers.signature, &headers.signature_input).unwrap();
    let base = HttpSignatureBase::try_new(&components(), read[AGENT].signature_params()).unwrap();
    let public = key.verifying_key().to_bytes();
    let public = PublicKey::from_bytes(&AlgorithmName::EcdsaP256Sha256, &public).unwrap();
    base.verify_signature_headers(&public, &read[AGENT])
        .unwrap();
}

#[test]
fn we_take_the_signatures_of_another_implementation() {
    let key = key();
    let names: Vec<_> = ["@method", "@path", "content-digest"]
        .iter()
        .map(|name| HttpMessageComponentId::try_from(*name).unwrap())
        .collect();
    let mut parameters = HttpSignatureParams::try_new(&names).unwrap();
    parameters
        .set_nonce("n")
        .set_keyid(STAMP.device)
        .set_alg(&AlgorithmName::EcdsaP256Sha256)
        .set_tag("mdm-agent");
    let base = HttpSignatureBase::try_new(&components(), &parameters).unwrap();
    let secret = SecretKey::from_bytes(&AlgorithmName::EcdsaP256Sha256, key.to_bytes()).unwrap();
    let made = base.build_signature_headers(&secret, Some(AGENT)).unwrap();
    let headers = Headers {
        content_digest: digest(REQUEST.body),
        signature_input: made.signature_input_header_value(),
        signature: made.signature_header_value(),
    };
    assert_eq!(verify(&REQUEST, &headers, &key), Ok(()));
}

proptest! {
    #[test]
    fn whatever_the_headers_are_reading_them_ends_in_words(input in ".{0,200}", signature in ".{0,200}") {
        let headers = Headers { content_digest: String::new(), signature_input: input, signature };
        prop_assert!(Signed::of_request(&headers, AGENT).is_err());
    }
}
