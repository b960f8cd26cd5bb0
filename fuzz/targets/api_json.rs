//! Requests of an admin's program: the first byte selects the route, the second the situation of the device, the rest
//! is the body.

#![no_main]

use axum::http::{Method, StatusCode};
use libfuzzer_sys::fuzz_target;
use mdm_agent_protocol::sync::Problem;
use mdm_contract::{Command, DevicePreview, Status};
use mdm_fuzz::{DEVICE, Host, PENDING, Situation};
use mdm_password_component::REFERENCE;
use mdm_password_host::{Trust, password::Password};
use mdm_server_core::commands::{PreviewQuery, Reset};
use mdm_server_http::api::model::{BulkView, DeviceView, EnrollmentTokenView};
use std::sync::LazyLock;

static HOST: LazyLock<Host> = LazyLock::new(|| Host::new(REFERENCE, Trust::default()));

/// The mark of passwords in the corpus.
const CANARY: &str = "cAnArY7z";

fuzz_target!(|bytes: &[u8]| {
    let &[route, situation, ref body @ ..] = bytes else {
        return;
    };
    HOST.store().begin(Situation::new(situation));
    let device = format!("/api/v1/devices/{DEVICE}");
    let (method, path) = match route % 8 {
        0 => (Method::POST, format!("{device}/password/reset")),
        1 => (Method::POST, format!("{device}/password/preview")),
        2 => (Method::POST, format!("{device}/password/remove")),
        3 => (Method::PUT, format!("{device}/policy")),
        4 => (Method::POST, format!("{device}/revoke")),
        5 => (Method::POST, "/api/v1/enrollment-tokens".to_owned()),
        6 => (Method::POST, "/api/v1/bulks".to_owned()),
        _ => (Method::POST, format!("{device}/commands/{PENDING}/cancel")),
    };
    let answer = HOST.call(method, &path, body);
    assert!(!answer.status.is_server_error(), "{answer:?}");
    if answer.status.is_success() {
        match route % 8 {
            0 | 2 => assert_eq!(answer.read::<Command>().status, Status::Pending),
            1 => drop(answer.read::<DevicePreview>()),
            3 | 4 => drop(answer.read::<DeviceView>()),
            5 => drop(answer.read::<EnrollmentTokenView>()),
            6 => drop(answer.read::<BulkView>()),
            _ => assert_ne!(answer.read::<Command>().status, Status::Pending),
        }
        for path in ["", "/password/status", "/audit"] {
            let shown = HOST.call(Method::GET, &format!("{device}{path}"), &[]);
            assert_eq!(shown.status, StatusCode::OK, "{shown:?}");
        }
    } else if answer.read::<Problem>().kind.starts_with("malformed") {
        assert!(!answer.has(CANARY), "law 5: an error quotes a body");
    }
    let Some(password) = password(body) else {
        return;
    };
    metrics(&password);
    // It takes ten times as long as all the rest.
    if situation == 0 {
        assert!(password.guessability() <= 4);
    }
    let is_elsewhere = String::from_utf8_lossy(body).matches(CANARY).count() != 1;
    if password.expose().contains(CANARY) && !is_elsewhere {
        assert!(!answer.has(CANARY), "law 5: {answer:?}");
        assert!(!HOST.store().dump().contains(CANARY), "law 5: the store");
    }
});

fn password(body: &[u8]) -> Option<Password> {
    let reset = serde_json::from_slice(body).map(|it: Reset| it.password);
    let request = || {
        serde_json::from_slice(body)
            .ok()
            .and_then(|it: PreviewQuery| it.password)
    };
    reset.ok().or_else(request)
}

fn metrics(password: &Password) {
    let metrics = password.metrics();
    let classes = [
        metrics.digits,
        metrics.lower_case,
        metrics.upper_case,
        metrics.symbols,
        metrics.others,
    ];
    assert_eq!(classes.iter().sum::<u32>(), metrics.length);
    for part in [
        metrics.longest_sequence,
        metrics.longest_repeat,
        metrics.distinct,
    ] {
        assert!(part <= metrics.length);
    }
}
