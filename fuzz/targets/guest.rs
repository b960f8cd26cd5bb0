//! A hostile plugin: raw parameters of imports and raw results, in the memory of WebAssembly. The first byte selects
//! the function, the second the situation of the device, the rest is the program of the plugin (see `guest/`).

#![no_main]

use axum::http::{Method, StatusCode};
use libfuzzer_sys::fuzz_target;
use mdm_agent_protocol::sync::{DeviceInfo, Problem, Report, SYNC_PATH, SyncRequest, SyncResponse};
use mdm_contract::{Capabilities, Command, DeviceOutcome, DevicePreview};
use mdm_fuzz::{Answer, DEVICE, GUEST, Host, PENDING, Situation};
use mdm_password_host::Trust;
use mdm_server_http::api::model::StatusView;
use std::sync::LazyLock;

static HOST: LazyLock<Host> = LazyLock::new(|| Host::new(GUEST, Trust::default()));

const RESET: &[u8] = br#"{"password": "7294"}"#;
const PREVIEW: &[u8] = br#"{"action": "reset", "password": "7294"}"#;

fuzz_target!(|bytes: &[u8]| {
    let &[function, situation, ref does @ ..] = bytes else {
        return;
    };
    let mut situation = Situation::new(situation);
    let is_revoked = situation.snapshot.revoked_at.is_some();
    let device = &mut situation.snapshot.device;
    device.groups = vec![does.iter().copied().map(char::from).collect()];
    let device_info = DeviceInfo {
        api_level: device.api_level,
        agent_version: device.agent_version.clone(),
        management_mode: device.management_mode,
        managed_profile: device.managed_profile,
        ownership: device.ownership,
        capabilities: Capabilities::android(),
        condition: device.condition.clone(),
    };
    HOST.store().begin(situation);
    let path = format!("/api/v1/devices/{DEVICE}");
    let post = |rest: &str, body: &[u8]| HOST.call(Method::POST, &format!("{path}{rest}"), body);
    match function % 7 {
        0 => judge::<Command>(&post("/password/reset", RESET)),
        1 => judge::<Command>(&post("/password/remove", b"{}")),
        2 => judge::<DevicePreview>(&post("/password/preview", PREVIEW)),
        3 => {
            let path = format!("{path}/password/status");
            judge::<StatusView>(&HOST.call(Method::GET, &path, &[]));
        }
        4 => judge::<Command>(&post(&format!("/commands/{PENDING}/cancel"), &[])),
        5 => judge_sync(&sync(device_info, vec![]), is_revoked),
        _ => {
            let report = Report {
                command: PENDING.into(),
                outcome: DeviceOutcome::Success,
            };
            judge_sync(&sync(device_info, vec![report]), is_revoked);
        }
    }
    // The device is readable after any call.
    for path in [path.clone(), format!("{path}/audit")] {
        let shown = HOST.call(Method::GET, &path, &[]);
        assert_eq!(shown.status, StatusCode::OK, "{shown:?}");
    }
});

fn sync(device_info: DeviceInfo, reports: Vec<Report>) -> Answer {
    let request = SyncRequest {
        device_info,
        reports,
        holding: vec![],
        policy: None,
        wait_seconds: 0,
        witness: None,
    };
    let body = serde_json::to_vec(&request).expect("it can be written");
    HOST.call(Method::POST, SYNC_PATH, &body)
}

/// Asserts that only a revoked device is kept from the plugin. A plugin may refuse a report, also with 409.
fn judge_sync(answer: &Answer, is_revoked: bool) {
    let is_refused =
        !answer.status.is_success() && answer.read::<Problem>().kind == "device-revoked";
    assert_eq!(is_refused, is_revoked, "{answer:?}");
    judge::<SyncResponse>(answer);
}

/// Asserts that a success can be read, and that a failure is the plugin's, not the store's.
fn judge<T: serde::de::DeserializeOwned>(answer: &Answer) {
    if answer.status.is_success() {
        answer.read::<T>();
    } else {
        let kind = answer.read::<Problem>().kind;
        assert!(
            !["store-failed", "host-failed"].contains(&&*kind),
            "{answer:?}"
        );
    }
}
