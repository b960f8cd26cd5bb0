//! Texts that not every store can keep.

use crate::test_host::{TestHost, admin, client, owner, password};
use mdm_agent_protocol::{
    sealing::PrivateKey,
    signing_key::SigningKey,
    sync::{DeviceInfo, EnrollRequest, Report},
};
use mdm_contract::{
    Action, DeviceFailure, DeviceOutcome, Failure, PasswordRule, ResetOptions, Status,
};
use mdm_password_host::{Limits, Runtime};
use mdm_server_core::{
    access::{DeviceScope, Role},
    bulks::BulkRequest,
    commands::Reset,
    error::ServerError,
    store::{BulkState, BulkTerms},
    token,
};
use mdm_tests::plugins::{REFUSES_ALL_BUT_RESETS, breaking};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

fn bulk_of_removes() -> BulkRequest {
    BulkRequest {
        action: Action::Remove,
        group: "sales".into(),
        password: None,
        unique_passwords: false,
        options: ResetOptions::default(),
        terms: BulkTerms::default(),
        reason: None,
        expected_devices: None,
    }
}

fn with_a_nul() -> DeviceInfo {
    DeviceInfo {
        agent_version: "6.9.0\0".into(),
        ..owner()
    }
}

#[tokio::test]
async fn an_agent_whose_words_have_a_nul_is_heard_all_the_same() {
    let fleet = TestHost::new().await;
    let agent = fleet.enroll(owner()).await;
    let command = fleet.reset(&agent, "1234").await.unwrap();
    let reason = DeviceFailure::Other("keystore\0gone".into());
    fleet
        .report(&agent, &command, DeviceOutcome::Failed(reason))
        .await;
    let kept = fleet.command(&agent, &command).await.status;
    let Status::Failed(Failure::Device(DeviceFailure::Other(kept))) = kept else {
        panic!("not failed, but {kept:?}");
    };
    assert_eq!(kept, "keystore\u{FFFD}gone");

    let of_no_command = Report {
        command: "a\0b".into(),
        outcome: DeviceOutcome::Success,
    };
    let refused = fleet.try_sync(&agent, vec![of_no_command]).await;
    assert!(
        matches!(refused, Err(ServerError::UnknownCommand { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn what_an_agent_says_of_its_device_has_no_nul() {
    let fleet = TestHost::new().await;
    let enroll = async |name: &str, device_info: DeviceInfo| {
        let made = fleet
            .server
            .devices
            .add_enrollment_token(&admin(), vec![], 60)
            .await;
        let request = EnrollRequest {
            name: name.into(),
            public_key: PrivateKey::generate().1,
            signing_key: SigningKey::generate().unwrap().verifying_key().clone(),
            device_info,
        };
        let token = token::digest(&made.unwrap().token);
        fleet.server.agents.enroll(token, request).await.map(|_| ())
    };
    enroll("phone", owner()).await.unwrap();
    for refused in [
        enroll("pho\0ne", owner()).await,
        enroll("phone", with_a_nul()).await,
    ] {
        assert!(
            matches!(refused, Err(ServerError::BadRequest(_))),
            "{refused:?}"
        );
    }
    let mut agent = fleet.enroll(owner()).await;
    agent.device_info = with_a_nul();
    let refused = fleet.try_sync(&agent, vec![]).await;
    assert!(
        matches!(refused, Err(ServerError::BadRequest(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_reason_has_no_nul() {
    let fleet = TestHost::new().await;
    let agent = fleet.enroll(owner()).await;
    let reset = Reset {
        password: password("1234"),
        options: ResetOptions::default(),
        terms: Default::default(),
        reason: Some("lost\0phone".into()),
    };
    let refused = fleet
        .server
        .commands
        .reset(&admin(), &agent.device, &reset)
        .await;
    assert!(
        matches!(refused, Err(ServerError::BadReason(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_call_with_a_nul_is_told_so_and_does_nothing() {
    let fleet = TestHost::new().await;
    let agent = fleet.enroll(owner()).await;
    let token = fleet.token("one", Role::Admin.permissions(), DeviceScope::ALL);
    let token = token.await;
    let (url, serving) = fleet.listens().await;
    let call = |method, path: &str| {
        let call = client().request(method, format!("{url}{path}"));
        call.bearer_auth(&token)
    };
    for path in [
        "/api/v1/devices?search=a%00b",
        "/api/v1/devices?group=a%00b",
        "/api/v1/devices/a%00b",
        "/api/v1/audit?action=a%00b",
        "/api/v1/bulks/a%00b",
        "/devices?search=a%00b",
        "/invitation/a%00b",
    ] {
        let answer = call(Method::GET, path).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{path}");
    }
    let reset = format!("/api/v1/devices/{}/password/reset", agent.device);
    for (path, body) in [
        (
            reset.as_str(),
            json!({"password": "1234", "terms": {"replaces": "a\0b"}}),
        ),
        (
            "/api/v1/bulks",
            json!({"action": "remove", "group": "a\0b"}),
        ),
        (
            "/api/v1/enrollment-tokens",
            json!({"groups": ["a\0b"], "valid_for": 60}),
        ),
    ] {
        let answer = call(Method::POST, path).json(&body).send().await.unwrap();
        let (status, problem) = (answer.status(), answer.json::<Value>().await.unwrap());
        assert_eq!(status, 422, "{path}: {problem}");
        assert_eq!(problem["type"], "malformed-body", "{problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("NUL"), "{path}: {detail}");
    }
    let escaped = r#"{"password": "1234", "reason": "C:\\u0000"}"#.to_owned();
    let call = call(Method::POST, &reset).header("content-type", "application/json");
    let answer = call.body(escaped).send().await.unwrap();
    assert_eq!(answer.status(), 201, "a backslash that is itself escaped");
    serving.abort();
}

#[tokio::test]
async fn a_bulk_goes_on_past_a_refusal_whose_words_have_a_nul() {
    let mut plugin = breaking(REFUSES_ALL_BUT_RESETS);
    let words = b"not today";
    let place = plugin.windows(words.len()).position(|it| it == words);
    plugin[place.unwrap() + 3] = 0;
    let plugin = Runtime::new(Limits::default()).unwrap().load(&plugin, None);
    let fleet = TestHost::with_plugin(PasswordRule::default(), plugin.unwrap()).await;
    fleet.enroll_in(owner(), &["sales"]).await;
    let server = &fleet.server;
    let bulk = server.bulks.start(&admin(), bulk_of_removes()).await;
    let bulk = bulk.unwrap();
    let runner = fleet.runs_bulks();
    let done = async {
        while server.bulks.get(&admin(), &bulk.id).await.unwrap().state != BulkState::Done {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), done)
        .await
        .unwrap();
    runner.stop(&fleet).await;
    let answers = server
        .bulks
        .answers(&admin(), &bulk.id, true, None, 10)
        .await;
    let [answer] = &answers.unwrap()[..] else {
        panic!("one device was asked")
    };
    let refusal = answer.answer.as_ref().unwrap_err();
    assert!(refusal.detail.contains("not\u{FFFD}today"), "{refusal:?}");
}
