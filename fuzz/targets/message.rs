//! The headers of signed requests and signed responses (RFC 9421): only a message that the key's owner signed is
//! accepted. The first byte selects the form of the rest.

#![no_main]

use axum::{
    body::Body,
    http::{HeaderValue, Method, Request as HttpRequest, StatusCode},
};
use libfuzzer_sys::fuzz_target;
use mdm_agent_protocol::{
    answer::{Answer, ResponseKind},
    signature::{
        AGENT, CONTENT_DIGEST, Headers, NEW, Request, SIGNATURE, SIGNATURE_INPUT, Signed, Stamp,
    },
    sync::SYNC_PATH,
};
use mdm_fuzz::{DEVICE, Host, SIGNING_KEY};
use mdm_password_component::REFERENCE;
use mdm_password_host::Trust;
use std::sync::LazyLock;

const BODY: &[u8] = br#"{"device_info": {}}"#;
const CREATED: u64 = 1_800_000_000;
const NONCE: &str = "once";
const REQUEST: Request<'static> = Request {
    method: "POST",
    path: SYNC_PATH,
    body: BODY,
};
const ANSWER: Answer<'static> = Answer {
    kind: ResponseKind::Synced,
    status: 200,
    body: BODY,
    label: AGENT,
    request: b"the signature of the request",
};

static HOST: LazyLock<Host> = LazyLock::new(|| Host::new(REFERENCE, Trust::default()));
static SIGNED: LazyLock<Headers> = LazyLock::new(|| {
    let stamp = Stamp {
        device: DEVICE,
        created: CREATED,
        nonce: NONCE,
    };
    let keys = [(AGENT, &*SIGNING_KEY), (NEW, &*SIGNING_KEY)];
    REQUEST.sign(stamp, &keys).expect("random bytes")
});
static ANSWERED: LazyLock<Headers> =
    LazyLock::new(|| ANSWER.sign(CREATED, &SIGNING_KEY).expect("random bytes"));

fuzz_target!(|bytes: &[u8]| {
    let Some((how, bytes)) = bytes.split_first() else {
        return;
    };
    match how % 6 {
        0 => over_http(bytes),
        1 => {
            let Ok(text) = str::from_utf8(bytes) else {
                return;
            };
            let mut lines = text.splitn(3, '\n').map(str::to_owned);
            let mut line = || lines.next().unwrap_or_default();
            let headers = Headers {
                content_digest: line(),
                signature_input: line(),
                signature: line(),
            };
            as_a_request(&headers);
            as_an_answer(&headers);
        }
        2 => as_a_request(&altered(&SIGNED, bytes)),
        3 => as_an_answer(&altered(&ANSWERED, bytes)),
        4 => another_request(bytes),
        _ => another_answer(bytes),
    }
});

/// Valid headers with alterations, three bytes each: two of them for the offset.
fn altered(headers: &Headers, bytes: &[u8]) -> Headers {
    let mut headers = headers.clone();
    for edit in bytes.chunks_exact(3) {
        let text = match edit[0] % 3 {
            0 => &mut headers.content_digest,
            1 => &mut headers.signature_input,
            _ => &mut headers.signature,
        };
        let place = usize::from(edit[1]).saturating_sub(1) % text.len();
        let with = char::from(edit[2] & 0x7f);
        // An alteration that begins with a zero inserts a character, any other replaces one.
        match edit[1] {
            0 => text.insert(0, with),
            _ if text.is_char_boundary(place) && text.is_char_boundary(place + 1) => {
                text.replace_range(place..=place, &with.to_string());
            }
            _ => {}
        }
    }
    headers
}

/// Asserts that a request that verifies has the content that the agent signed.
fn as_a_request(headers: &Headers) {
    for label in [AGENT, NEW] {
        let Ok(signed) = Signed::of_request(headers, label) else {
            assert_ne!(*headers, *SIGNED, "nothing is taken at all");
            continue;
        };
        let taken = signed.verify(&REQUEST, headers, SIGNING_KEY.verifying_key());
        assert!(taken.is_ok() || *headers != *SIGNED, "{headers:?}");
        if taken.is_ok() {
            let said = (&*signed.device, signed.created, &*signed.nonce);
            assert_eq!(said, (DEVICE, CREATED, NONCE), "{headers:?}");
            assert_eq!(signed.signature.len(), 64, "{headers:?}");
        }
        let other = Request {
            body: b"{}",
            ..REQUEST
        };
        let taken = signed.verify(&other, headers, SIGNING_KEY.verifying_key());
        assert!(taken.is_err(), "{headers:?}");
    }
}

fn as_an_answer(headers: &Headers) {
    let taken = ANSWER.verify(headers, SIGNING_KEY.verifying_key());
    assert!(taken.is_ok() || *headers != *ANSWERED, "{headers:?}");
    if let Ok(created) = taken {
        assert_eq!(created, CREATED, "{headers:?}");
    }
    let other_status = Answer {
        status: 401,
        ..ANSWER
    };
    let other_kind = Answer {
        kind: ResponseKind::KeysChanged,
        ..ANSWER
    };
    for other in [other_status, other_kind] {
        let taken = other.verify(headers, SIGNING_KEY.verifying_key());
        assert!(taken.is_err(), "{headers:?}");
    }
}

/// Asserts that valid headers verify for the signed request and for no other. The lines are its method, path and body.
fn another_request(bytes: &[u8]) {
    let mut lines = bytes.splitn(3, |byte| *byte == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let (Ok(method), Ok(path)) = (str::from_utf8(line()), str::from_utf8(line())) else {
        return;
    };
    let body = line();
    let request = Request { method, path, body };
    let is_the_same = (method, path, body) == (REQUEST.method, REQUEST.path, REQUEST.body);
    for label in [AGENT, NEW] {
        let signed = Signed::of_request(&SIGNED, label).expect("it is signed");
        let taken = signed.verify(&request, &SIGNED, SIGNING_KEY.verifying_key());
        assert_eq!(taken.is_ok(), is_the_same, "{request:?}");
    }
}

/// The same for a response: two bytes are its status, one line is its request, the rest its body.
fn another_answer(bytes: &[u8]) {
    let Some((status, bytes)) = bytes.split_first_chunk() else {
        return;
    };
    let mut lines = bytes.splitn(2, |byte| *byte == b'\n');
    let answer = Answer {
        kind: ANSWER.kind,
        status: u16::from_be_bytes(*status),
        request: lines.next().unwrap_or_default(),
        body: lines.next().unwrap_or_default(),
        label: AGENT,
    };
    let is_the_same = (answer.status, answer.request, answer.body)
        == (ANSWER.status, ANSWER.request, ANSWER.body);
    let taken = answer.verify(&ANSWERED, SIGNING_KEY.verifying_key());
    assert_eq!(taken.is_ok(), is_the_same, "{answer:?}");
    let of_the_other_key = Answer {
        label: NEW,
        ..answer
    };
    let taken = of_the_other_key.verify(&ANSWERED, SIGNING_KEY.verifying_key());
    assert!(taken.is_err(), "{answer:?}");
}

/// Asserts that invented headers do not verify.
fn over_http(bytes: &[u8]) {
    let mut lines = bytes.splitn(3, |byte| *byte == b'\n');
    let mut request = HttpRequest::builder().method(Method::POST).uri(SYNC_PATH);
    for name in [CONTENT_DIGEST, SIGNATURE_INPUT, SIGNATURE] {
        let Ok(value) = HeaderValue::from_bytes(lines.next().unwrap_or_default()) else {
            return;
        };
        request = request.header(name, value);
    }
    let answer = HOST.send(request.body(Body::from(BODY)).expect("it is well-formed"));
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{answer:?}");
}
