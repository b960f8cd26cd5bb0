//! A stranger on the path between agents and their host, who may have an enrollment token of their own: what they can
//! do makes no agent stop for good, and locks none out.

use mdm_agent_protocol::{
    sealing::PrivateKey,
    signature::{AGENT, CONTENT_DIGEST, NEW, SIGNATURE, SIGNATURE_INPUT, Stamp},
    signing_key::SigningKey,
    sync::{ENROLL_PATH, KEYS_PATH, SYNC_PATH},
};
use mdm_tests::{
    as_agent::{AsAgent, Call, now},
    counted::Counted,
    stranger::{HttpCall, Stranger},
    test_environment::{Device, Make, TestEnvironment, text, wait_until},
};
use serde_json::{Value, json};
use std::fs;

/// A host, and a device whose agent reaches it by way of a stranger.
fn led_astray(stranger: &Stranger, env: &TestEnvironment) -> Device {
    let phone = env.enroll(Make::default()).unwrap();
    lead(env, &phone, &env.url(), &stranger.url());
    phone
}

fn lead(env: &TestEnvironment, phone: &Device, from: &str, to: &str) {
    let state = env.folder().join(&phone.name).join("agent.json");
    let text = fs::read_to_string(&state).unwrap();
    fs::write(&state, text.replace(from, to)).unwrap();
}

fn enrollment_token(env: &TestEnvironment) -> String {
    let made = env.ask(&["device", "enroll"], "").unwrap();
    made["token"].as_str().unwrap().to_owned()
}

/// The request of a device that wants to enroll with this key.
fn newcomer(key: &SigningKey) -> Value {
    json!({
        "name": "stranger",
        "public_key": PrivateKey::generate().1,
        "signing_key": key.verifying_key(),
        "device_info": mdm_tests::device_info::owner(),
    })
}

fn enrollment(env: &TestEnvironment, key: &SigningKey, created: u64) -> Call {
    let stamp = Stamp {
        device: NEW,
        created,
        nonce: "by hand",
    };
    let mut call = Call::new(
        &env.url(),
        ENROLL_PATH,
        stamp,
        &[(NEW, key)],
        &newcomer(key),
    )
    .unwrap();
    call.token = Some(enrollment_token(env));
    call
}

/// Carries a reset out to its end, so the agent runs and is let in.
#[track_caller]
fn obeys(env: &TestEnvironment, phone: &Device) {
    let reset = ["password", "reset", &phone.id, "--yes"];
    let command = env.ask(&reset, "1234").unwrap();
    let outcome = env.outcome(phone, &command).unwrap();
    assert_eq!(outcome["status"], "success", "{outcome}");
}

#[test]
fn an_agent_goes_on_whatever_a_stranger_makes_the_host_answer_to_a_forged_call() {
    let env = TestEnvironment::start().unwrap();
    // The agent's own signature, over another body than it has signed.
    let forge = |call: &HttpCall| {
        let headers = [CONTENT_DIGEST, SIGNATURE_INPUT, SIGNATURE];
        let headers = headers.map(|name| (name, call.header(name)));
        (call.path == SYNC_PATH).then(|| HttpCall::forged(SYNC_PATH, &headers, b"{}"))
    };
    let stranger = Stranger::before(env.address(), Box::new(forge)).unwrap();
    let mut phone = led_astray(&stranger, &env);
    phone.switch_on().unwrap();
    wait_until("some answers of the host have come", || {
        Ok(stranger.forged() > 3 || !phone.is_on()?)
    })
    .unwrap();
    assert!(phone.is_on().unwrap(), "{}", phone.agent_log().unwrap());
    stranger.goes_away();
    obeys(&env, &phone);
}

#[test]
fn an_enrollment_by_a_stranger_is_no_answer_to_an_agent_that_changes_its_keys() {
    let env = TestEnvironment::start().unwrap();
    let (token, key) = (enrollment_token(&env), SigningKey::generate().unwrap());
    let forge = move |call: &HttpCall| {
        if call.path != KEYS_PATH {
            return None;
        }
        let stamp = Stamp {
            device: NEW,
            created: now(),
            nonce: "stranger",
        };
        let theirs = Call::new("", ENROLL_PATH, stamp, &[(NEW, &key)], &newcomer(&key)).unwrap();
        // With the agent's signature: a signed answer would be accepted by the agent.
        let with_agents = |mine: &str, name| format!("{}, {mine}", label(call.header(name), AGENT));
        let input = with_agents(&theirs.headers.signature_input, SIGNATURE_INPUT);
        let signature = with_agents(&theirs.headers.signature, SIGNATURE);
        let headers: [(&str, &str); 4] = [
            (CONTENT_DIGEST, theirs.headers.content_digest.as_str()),
            (SIGNATURE_INPUT, &input),
            (SIGNATURE, &signature),
            ("authorization", &format!("Bearer {token}")),
        ];
        Some(HttpCall::forged(
            ENROLL_PATH,
            &headers,
            theirs.body.as_bytes(),
        ))
    };
    let stranger = Stranger::before(env.address(), Box::new(forge)).unwrap();
    let mut phone = led_astray(&stranger, &env);
    let rotated = phone.by_hand(&["rotate-keys"], "").unwrap();
    assert!(stranger.forged() > 0, "the stranger was not asked");
    assert!(!rotated.status.success(), "{}", text(&rotated));
    stranger.goes_away();
    phone.switch_on().unwrap();
    obeys(&env, &phone);
}

/// The member of a dictionary of structured fields under this label, as it stands.
fn label<'a>(header: &'a str, label: &str) -> &'a str {
    let members = header.split(", ");
    let mut found = members.filter(|member| member.starts_with(&format!("{label}=")));
    found.next().unwrap_or_default()
}

#[test]
fn the_host_signs_no_answer_to_a_call_that_it_has_not_verified() {
    let env = TestEnvironment::start().unwrap();
    let phone = env.enroll(Make::default()).unwrap();
    let agent = AsAgent::of(&env, &phone).unwrap();
    let sync = || {
        agent
            .signed(&json!({"device_info": agent.device_info}), now())
            .unwrap()
    };
    let mut altered = sync();
    altered.body.push(' ');
    let (status, signed, _) = altered.send_for_headers().unwrap();
    assert_eq!((status, signed), (401, None));
    let mut unknown = AsAgent::of(&env, &phone).unwrap();
    unknown.device = "0198c1de-0000-7000-8000-000000000000".into();
    let unknown = unknown
        .signed(&json!({"device_info": agent.device_info}), now())
        .unwrap();
    let (status, signed, _) = unknown.send_for_headers().unwrap();
    assert_eq!((status, signed), (401, None));

    let mut unreadable = AsAgent::of(&env, &phone).unwrap();
    unreadable.device_info = json!("nothing");
    let body = json!({"device_info": unreadable.device_info});
    let refused = unreadable.signed(&body, now()).unwrap();
    let (status, signed, _) = refused.send_for_headers().unwrap();
    let input = signed.expect("a refusal of a call that was verified is signed");
    assert_eq!(status, 422);
    assert!(
        input.signature_input.contains("mdm-server-problem"),
        "{input:?}"
    );
    let (status, signed, _) = sync().send_for_headers().unwrap();
    let input = signed.expect("an answer is signed").signature_input;
    assert_eq!(status, 200);
    assert!(input.contains("mdm-server-synced"), "{input}");
}

#[test]
fn an_enrollment_has_one_signature_made_just_now() {
    let env = TestEnvironment::start().unwrap();
    let key = SigningKey::generate().unwrap();
    let stamp = Stamp {
        device: NEW,
        created: now(),
        nonce: "by hand",
    };
    let both = [(AGENT, &key), (NEW, &key)];
    let mut call = Call::new(&env.url(), ENROLL_PATH, stamp, &both, &newcomer(&key)).unwrap();
    call.token = Some(enrollment_token(&env));
    let (status, signed, problem) = call.send_for_headers().unwrap();
    assert_eq!((status, signed), (401, None), "{problem}");
    assert!(
        text_of(&problem).contains("labels that this request does not use"),
        "{problem}"
    );
    for created in [now() - 3600, now() + 3600] {
        let (status, _, problem) = enrollment(&env, &key, created).send_for_headers().unwrap();
        let kind = json!("signature-not-fresh");
        assert_eq!((status, &problem["type"]), (401, &kind), "{problem}");
        assert!(problem["host_time"].as_u64().unwrap().abs_diff(now()) < 10);
    }
    let (status, signed, enrolled) = enrollment(&env, &key, now()).send_for_headers().unwrap();
    assert_eq!(status, 201, "{enrolled}");
    let input = signed.expect("it is signed").signature_input;
    assert!(
        input.contains("mdm-server-enrolled") && input.contains(r#"key="new""#),
        "{input}"
    );
}

fn text_of(problem: &Value) -> &str {
    problem["detail"].as_str().unwrap_or_default()
}

#[test]
fn a_report_of_what_only_the_host_can_know_is_refused() {
    let env = TestEnvironment::start().unwrap();
    let phone = env.enroll(Make::default()).unwrap();
    let reset = ["password", "reset", &phone.id, "--yes"];
    let command = env.ask(&reset, "1234").unwrap();
    let agent = AsAgent::of(&env, &phone).unwrap();
    for failure in [
        json!("expired"),
        json!("cancelled"),
        json!({"superseded": command["id"]}),
    ] {
        let outcome = json!({ "failed": failure });
        let (status, problem) = agent.report(&command["id"], &outcome).unwrap();
        let kind = json!("malformed-body");
        assert_eq!((status, &problem["type"]), (422, &kind), "{failure}");
        let status = env.ask(&["password", "status", &phone.id], "").unwrap();
        assert_eq!(status["history"][0]["status"], "pending", "{failure}");
    }
    let outcome = json!({"failed": "user-locked"});
    assert_eq!(agent.report(&command["id"], &outcome).unwrap().0, 200);
}

#[test]
fn reports_on_unknown_commands_and_changes_of_keys_have_a_rate_of_their_own() {
    let env = TestEnvironment::start().unwrap();
    let phone = env.enroll(Make::default()).unwrap();
    let agent = AsAgent::of(&env, &phone).unwrap();
    let report = |number| json!({"command": format!("none-{number}"), "outcome": "success"});
    let reports: Vec<Value> = (0..100).map(report).collect();
    let body = json!({"device_info": agent.device_info, "reports": reports});
    let (status, problem) = agent.sync(&body).unwrap();
    assert_eq!(
        (status, &problem["command"]),
        (404, &json!("none-0")),
        "{problem}"
    );
    let (status, problem) = agent.sync(&body).unwrap();
    let kind = json!("too-many-unknown-reports");
    assert_eq!((status, &problem["type"]), (429, &kind), "{problem}");
    // Of the 100 that each brought, no more were looked for than the device has a right to.
    let metric = "mdm_agent_refused_total{reason=\"too-many-unknown-reports\"}";
    assert_eq!(Counted::read(&env).unwrap().of(metric), 1);
    let told = json!({"device_info": agent.device_info});
    assert_eq!(agent.sync(&told).unwrap().0, 200, "all else it may do");
    let refused = (0..30).find(|_| {
        let rotated = phone.by_hand(&["rotate-keys"], "").unwrap();
        text(&rotated).contains("changes its keys too often")
    });
    assert!(refused.is_some_and(|number| number >= 5), "{refused:?}");
}
