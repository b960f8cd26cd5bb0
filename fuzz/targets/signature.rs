//! Signatures of plugins, and the keys and digests that admins configure. The first byte selects one.

#![no_main]

use axum::{
    body::Body,
    http::{HeaderValue, Method, Request, StatusCode, header},
};
use libfuzzer_sys::fuzz_target;
use mdm_agent_protocol::sync::Problem;
use mdm_fuzz::Host;
use mdm_password_component::REFERENCE;
use mdm_password_host::Trust;
use mdm_server_http::api::plugin::SIGNATURE_HEADER;
use std::sync::LazyLock;

/// A signed file, its digest, its signature, and the key of the signature.
const SIGNED: &[u8] = include_bytes!("../signed/plugin");
const DIGEST: &str = "5f0fd33f392b9037d807be85302fbfc2a13f23d9e0723bbfde61fbdf57092f1d";
const SIGNATURE: &str = include_str!("../signed/plugin.minisig");
const KEY: &str = include_str!("../signed/plugin.pub");

static TRUST: LazyLock<Trust> = LazyLock::new(|| {
    let mut trust = Trust::default();
    trust.add_key(KEY).expect("a key");
    trust.check(SIGNED, Some(SIGNATURE)).expect("it is signed");
    trust
});
static HOST: LazyLock<Host> = LazyLock::new(|| Host::new(REFERENCE, TRUST.clone()));

fuzz_target!(|bytes: &[u8]| {
    let Some((what, bytes)) = bytes.split_first() else {
        return;
    };
    if what % 4 == 0 {
        in_a_header(bytes);
        return;
    }
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    match what % 4 {
        1 => as_a_signature(text),
        2 => {
            let mut trust = Trust::default();
            if trust.pin(text).is_ok() && trust.check(SIGNED, None).is_ok() {
                assert_eq!(text.strip_prefix("sha256:").unwrap_or(text), DIGEST);
            }
        }
        _ => {
            let mut trust = Trust::default();
            if trust.add_key(text).is_ok() && trust.check(SIGNED, Some(SIGNATURE)).is_ok() {
                assert_eq!(
                    key(text),
                    key(KEY),
                    "another key than that it was signed with"
                );
            }
        }
    }
});

/// Asserts that only the signature of these bytes verifies. Its first line is an untrusted comment.
fn as_a_signature(text: &str) {
    let signed = || SIGNATURE.lines().skip(1);
    if TRUST.check(SIGNED, Some(text)).is_ok() {
        assert!(text.lines().skip(1).take(3).eq(signed()), "{text}");
    }
    let altered = [SIGNED, b"."].concat();
    assert!(TRUST.check(&altered, Some(text)).is_err(), "{text}");
}

/// Asserts that no signature in a header admits a file to a host that trusts one key: the signed file is not a plugin.
fn in_a_header(bytes: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(bytes) else {
        return;
    };
    let request = Request::builder()
        .method(Method::PUT)
        .uri("/api/v1/plugin")
        .header(header::AUTHORIZATION, "Bearer token")
        .header(SIGNATURE_HEADER, value)
        .body(Body::from(SIGNED));
    let answer = HOST.send(request.expect("all of it is well-formed"));
    let refused = [StatusCode::BAD_REQUEST, StatusCode::UNPROCESSABLE_ENTITY];
    assert!(refused.contains(&answer.status), "{answer:?}");
    let Problem { kind, .. } = answer.read();
    assert!(
        ["bad-signature", "no-plugin"].contains(&kind.as_str()),
        "{answer:?}"
    );
}

/// The key itself, without the algorithm's name before it, of which there are two.
fn key(text: &str) -> &str {
    text.trim().get(3..).unwrap_or_default()
}
