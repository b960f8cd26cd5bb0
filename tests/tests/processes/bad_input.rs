//! Bad input: a clear error, the right status, a non-zero exit code, and nothing changed.

use mdm_tests::{
    as_agent::AsAgent,
    test_environment::{Device, Make, TestEnvironment, text},
};
use serde_json::{Value, json};
use std::{fs, process::Command};

/// An answer of the host: its status, and its body as JSON if it is that.
pub(crate) type Answer = (u16, Value);

/// Posts any body to the admin's API.
pub(crate) fn post(env: &TestEnvironment, path: &str, body: &str) -> Answer {
    send(
        &format!("{}/api/v1/{path}", env.url()),
        &env.token().unwrap(),
        body,
    )
}

fn send(url: &str, token: &str, body: &str) -> Answer {
    let (url, token, body) = (url.to_owned(), token.to_owned(), body.to_owned());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let request = mdm_tests::test_environment::http_client()
            .post(url)
            .bearer_auth(token)
            .body(body);
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let body = response.bytes().await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    })
}

fn env_with_phone() -> (TestEnvironment, Device) {
    let env = TestEnvironment::start().unwrap();
    let phone = env.enroll(Make::default()).unwrap();
    (env, phone)
}

#[track_caller]
fn assert_no_command(env: &TestEnvironment, device: &Device) {
    let status = env.ask(&["password", "status", &device.id], "").unwrap();
    assert_eq!(status["history"], json!([]), "a command was made");
}

#[test]
fn a_password_of_the_wrong_form_is_refused_with_every_fault() {
    let (env, phone) = env_with_phone();
    let problem = env
        .refused(&["password", "reset", &phone.id, "--yes"], "12a")
        .unwrap();
    assert_eq!(
        (&problem["type"], &problem["status"]),
        (&json!("password-refused"), &json!(422))
    );
    let faults = &problem["refusal"]["password-refused"];
    assert_eq!(*faults, json!([{"too-short": 4}, "not-only-digits"]));
    let output = env
        .admin(&["password", "reset", &phone.id, "--yes"], "")
        .unwrap();
    assert!(
        !output.status.success() && text(&output).contains("no password"),
        "{output:?}"
    );
    assert_no_command(&env, &phone);
}

#[test]
fn an_unknown_device_command_or_group_is_not_found() {
    let (env, phone) = env_with_phone();
    for (args, kind) in [
        (vec!["device", "show", "nobody"], "unknown-device"),
        (
            vec!["password", "reset", "nobody", "--yes"],
            "unknown-device",
        ),
        (vec!["password", "status", "nobody"], "unknown-device"),
        (vec!["policy", "clear", "nobody"], "unknown-device"),
        (
            vec!["password", "cancel", &phone.id, "nothing"],
            "unknown-command",
        ),
        (vec!["bulk", "reset", "nobody", "--yes"], "unknown-group"),
    ] {
        let problem = env.refused(&args, "1234").unwrap();
        assert_eq!(
            (&problem["type"], &problem["status"]),
            (&json!(kind), &json!(404)),
            "{args:?}"
        );
    }
}

#[test]
fn an_agent_that_is_too_old_and_a_remove_with_nothing_to_remove_are_refused() {
    let env = TestEnvironment::start().unwrap();
    let make = Make {
        name: "old",
        enroll: &["--agent-version", "6.8.2"],
        ..Make::default()
    };
    let old = env.enroll(make).unwrap();
    let problem = env
        .refused(&["password", "reset", &old.id, "--yes"], "1234")
        .unwrap();
    assert_eq!(
        (&problem["type"], &problem["status"]),
        (&json!("agent-too-old"), &json!(409))
    );
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("6.8.2") && detail.contains("6.9.0"),
        "{detail}"
    );
    assert_no_command(&env, &old);

    let phone = env.enroll(Make::default()).unwrap();
    let problem = env
        .refused(&["password", "remove", &phone.id, "--yes"], "")
        .unwrap();
    assert_eq!(
        (&problem["type"], &problem["status"]),
        (&json!("nothing-to-remove"), &json!(409))
    );
    assert_no_command(&env, &phone);
}

#[test]
fn a_second_command_is_a_conflict_that_names_the_first() {
    let (env, phone) = env_with_phone();
    let first = env
        .ask(&["password", "reset", &phone.id, "--yes"], "1234")
        .unwrap();
    let problem = env
        .refused(&["password", "reset", &phone.id, "--yes"], "4321")
        .unwrap();
    assert_eq!(
        (&problem["type"], &problem["status"]),
        (&json!("conflict"), &json!(409))
    );
    assert_eq!(problem["command"], first["id"]);
}

#[test]
fn a_command_id_reported_twice_changes_nothing_and_an_unknown_one_is_not_found() {
    let (env, phone) = env_with_phone();
    let reset = env
        .ask(&["password", "reset", &phone.id, "--yes"], "1234")
        .unwrap();
    let agent = AsAgent::of(&env, &phone).unwrap();
    let report = |id: &Value, outcome: Value| agent.report(id, &outcome).unwrap();
    let success = json!("success");
    assert_eq!(report(&reset["id"], success.clone()).0, 200);
    let once = env.ask(&["password", "status", &phone.id], "").unwrap();
    assert_eq!(report(&reset["id"], success.clone()).0, 200);
    assert_eq!(
        env.ask(&["password", "status", &phone.id], "").unwrap(),
        once
    );
    let failed = json!({"failed": "user-locked"});
    assert_eq!(report(&reset["id"], failed).0, 200);
    let after = env.ask(&["password", "status", &phone.id], "").unwrap();
    assert_eq!(after["latest"]["status"], "success", "no second outcome");

    let (status, problem) = report(
        &json!("0198c1de-0000-7000-8000-000000000000"),
        success.clone(),
    );
    assert_eq!((status, &problem["type"]), (404, &json!("unknown-command")));
    // Another device's command is as unknown as one that was never made.
    let other = env
        .enroll(Make {
            name: "other",
            ..Make::default()
        })
        .unwrap();
    let theirs = env
        .ask(&["password", "reset", &other.id, "--yes"], "1234")
        .unwrap();
    let (status, problem) = report(&theirs["id"], success);
    assert_eq!((status, &problem["type"]), (404, &json!("unknown-command")));
    let theirs = env.ask(&["password", "status", &other.id], "").unwrap();
    assert_eq!(theirs["latest"]["status"], "pending");
}

#[test]
fn malformed_and_oversized_json_is_refused() {
    let (env, phone) = env_with_phone();
    let path = format!("devices/{}/password/reset", phone.id);
    let long = format!(r#"{{"password": "{}"}}"#, "1".repeat(300_000));
    for (body, status, kind) in [
        ("", 400, "malformed-json"),
        (r#"{"password": "12"#, 400, "malformed-json"),
        ("\u{0}\u{1}", 400, "malformed-json"),
        (r#"{"password": 1234}"#, 422, "malformed-body"),
        (r#"{"pin": "1234"}"#, 422, "malformed-body"),
        (
            r#"{"password": "1234", "options": {"explode": true}}"#,
            422,
            "malformed-body",
        ),
        (
            r#"{"password": "1234", "terms": {"valid_for": -1}}"#,
            422,
            "malformed-body",
        ),
        (
            r#"{"password": "1234", "terms": {"valid_for": 0}}"#,
            422,
            "bad-validity",
        ),
        (&long, 413, "body-too-large"),
    ] {
        let (got, problem) = post(&env, &path, body);
        let start: String = body.chars().take(40).collect();
        assert_eq!(
            (got, &problem["type"]),
            (status, &json!(kind)),
            "{start}: {problem}"
        );
        assert_eq!(problem["status"], status);
    }
    assert_no_command(&env, &phone);
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(
        post(&env, &path, &nested).0,
        422,
        "deep nesting is no way in"
    );
}

#[test]
fn nobody_gets_in_without_the_right_token() {
    let (env, phone) = env_with_phone();
    let reset = format!("{}/api/v1/devices/{}/password/reset", env.url(), phone.id);
    let sync = format!("{}/agent/v1/sync", env.url());
    let body = r#"{"password": "1234"}"#;
    let agent = AsAgent::of(&env, &phone).unwrap();
    let told = json!({ "device_info": agent.device_info });
    assert_eq!(send(&reset, "mdm_admin_guess", body).0, 401);
    assert_eq!(
        send(&sync, &env.token().unwrap(), &told.to_string()).0,
        401,
        "an admin is no agent"
    );
    assert_eq!(agent.sync(&told).unwrap().0, 200);
    assert_eq!(post(&env, "nowhere", "{}").0, 404);
    assert_no_command(&env, &phone);
    let enroll = phone
        .by_hand(&["enroll", "--host", &env.url(), "--name", "again"], "x")
        .unwrap();
    assert!(
        !enroll.status.success() && text(&enroll).contains("enrolled already"),
        "{enroll:?}"
    );
}

#[test]
fn a_device_that_syncs_too_often_is_told_to_wait_and_takes_nobodys_turn() {
    let env = TestEnvironment::with(&["--rate-per-device", "1"], "info").unwrap();
    let (noisy, quiet) = (
        env.enroll(Make::default()).unwrap(),
        env.enroll(Make {
            name: "quiet",
            ..Make::default()
        })
        .unwrap(),
    );
    let agents = [&noisy, &quiet].map(|phone| AsAgent::of(&env, phone).unwrap());
    let call = |agent: usize| {
        let agent = &agents[agent];
        agent
            .sync(&json!({ "device_info": agent.device_info }))
            .unwrap()
    };
    let refused = (0..30).map(|_| call(0)).find(|(status, _)| *status == 429);
    let (_, problem) = refused.expect("it could sync as often as it liked");
    assert_eq!(problem["type"], "too-many-requests");
    assert_eq!(call(1).0, 200);
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert_eq!(call(0).0, 200, "its turn comes again");
}

#[test]
fn an_address_that_calls_too_often_is_told_to_wait_before_anything_is_looked_up() {
    let env = TestEnvironment::with(&["--rate-per-address", "1"], "info").unwrap();
    let url = format!("{}/api/v1/devices/x/password/reset", env.url());
    let statuses: Vec<u16> = (0..30).map(|_| send(&url, "guess", "{}").0).collect();
    assert_eq!(statuses[0], 401);
    assert!(statuses.contains(&429), "{statuses:?}");
}

#[test]
fn a_stolen_devices_agent_is_shut_out_by_a_command_and_ends() {
    let (env, mut phone) = env_with_phone();
    phone.switch_on().unwrap();
    env.wait_online(&phone).unwrap();
    let revoke = ["device", "revoke", &phone.id, "--reason", "stolen"];
    let shown = env.ask(&revoke, "").unwrap();
    assert!(shown["revoked_at"].is_string(), "{shown}");
    mdm_tests::test_environment::wait_until("the agent ends", || Ok(!phone.is_on()?)).unwrap();
    let problem = env
        .refused(&["password", "reset", &phone.id, "--yes"], "1234")
        .unwrap();
    assert_eq!(problem["type"], "device-revoked");
    let page = text(&env.admin(&["device", "show", &phone.id], "").unwrap());
    assert!(page.contains("REVOKED"), "{page}");
}

#[test]
fn a_policy_that_android_would_not_take_is_refused() {
    let env = TestEnvironment::start().unwrap();
    let old = env
        .enroll(Make {
            api_level: 30,
            ..Make::default()
        })
        .unwrap();
    let complexity = ["policy", "set", &old.id, "--complexity", "high"];
    let problem = env.refused(&complexity, "").unwrap();
    assert!(
        problem["detail"].as_str().unwrap().contains("API 31"),
        "{problem}"
    );
    let long = [
        "policy",
        "set",
        &old.id,
        "--quality",
        "numeric",
        "--minimum-length",
        "17",
    ];
    assert_eq!(env.refused(&long, "").unwrap()["status"], 422);
    let unknown = env
        .admin(&["policy", "set", &old.id, "--quality", "best"], "")
        .unwrap();
    assert!(
        text(&unknown).contains("numeric-complex"),
        "it names what would do: {unknown:?}"
    );
    assert!(env.ask(&["device", "show", &old.id], "").unwrap()["policy"].is_null());
}

#[test]
fn a_file_that_is_no_plugin_does_not_start_a_host_and_says_why() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("plugin.wasm");
    let serve = || {
        let host = mdm_tests::test_environment::program("mdm-server").unwrap();
        let data = folder.path().join("data");
        let mut command = Command::new(host);
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--plugin"])
            .arg(&file);
        command.arg("--data").arg(data).output().unwrap()
    };
    for (bytes, says) in [
        (None, "can't be read"),
        (Some(b"#!/bin/sh".to_vec()), "no WebAssembly component"),
        (Some(b"\0asm\x01\0\0\0".to_vec()), "core WebAssembly module"),
        (
            Some(wat::parse_str("(component)").unwrap()),
            "doesn't export mdm:password/password@1.0.0",
        ),
    ] {
        if let Some(bytes) = bytes {
            fs::write(&file, bytes).unwrap();
        }
        let output = serve();
        assert!(!output.status.success(), "it started");
        assert!(
            text(&output).contains(says),
            "expected `{says}`: {}",
            text(&output)
        );
    }
}
