//! A request with an idempotency key is executed once, whenever the host is killed.

use mdm_tests::{
    postgres::Postgres,
    preload,
    test_environment::{Device, Make, TestEnvironment, http_client, wait_until},
};
use serde_json::{Value, json};
use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// The time limit of a request, also if each write of the store is slow.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A response: its status, its mark as a replay, and its body.
type Answer = (u16, bool, Value);

/// A reset of the device with an idempotency key; `None` if the answer was lost.
fn reset(
    runtime: &Runtime,
    env: &TestEnvironment,
    phone: &Device,
    key: &str,
    password: &str,
) -> Option<Answer> {
    let url = format!("{}/api/v1/devices/{}/password/reset", env.url(), phone.id);
    let call = http_client()
        .post(url)
        .bearer_auth(env.token().unwrap())
        .header("idempotency-key", key)
        .timeout(TIMEOUT)
        .json(&json!({"password": password}));
    runtime.block_on(async {
        let answer = call.send().await.ok()?;
        let status = answer.status().as_u16();
        let is_replayed = answer.headers().contains_key("idempotency-replayed");
        Some((status, is_replayed, answer.json().await.ok()?))
    })
}

fn commands(env: &TestEnvironment, phone: &Device) -> Vec<Value> {
    let status = env.ask(&["password", "status", &phone.id], "").unwrap();
    status["history"].as_array().unwrap().clone()
}

/// Kills the host as soon as a command of the device is committed, while its request waits for the answer.
fn kill_at_commit(
    runtime: &Runtime,
    env: &mut TestEnvironment,
    phone: &Device,
    key: &str,
    password: &str,
) {
    let url = format!("{}/api/v1/devices/{}/password/status", env.url(), phone.id);
    let token = env.token().unwrap();
    thread::scope(|threads| {
        let host: &TestEnvironment = env;
        threads.spawn(|| reset(runtime, host, phone, key, password));
        let started = Instant::now();
        loop {
            assert!(started.elapsed() < TIMEOUT, "no command was committed");
            let status = http_client().get(&url).bearer_auth(&token);
            let status = runtime.block_on(async { status.send().await?.json::<Value>().await });
            let history = status.unwrap()["history"].clone();
            if history.as_array().is_some_and(|it| !it.is_empty()) {
                break;
            }
        }
        let host = host.host_process().unwrap();
        let killed = std::process::Command::new("kill")
            .args(["-9", &host.to_string()])
            .status();
        assert!(killed.unwrap().success());
    });
    env.kill_host().unwrap();
}

/// A request is committed, and the host is killed before it answers. The device carries the command out, another
/// admin sets a newer password, and the request comes again. While the file `slow` exists, the host's store writes
/// slowly: what it would write after the commit is not there when it is killed.
fn a_retry_after_a_kill(mut env: TestEnvironment, slow: Option<&Path>) {
    let runtime = Runtime::new().unwrap();
    let mut phone = env.enroll(Make::default()).unwrap();
    if let Some(slow) = slow {
        fs::write(slow, "").unwrap();
    }
    kill_at_commit(&runtime, &mut env, &phone, "k1", "1111");
    if let Some(slow) = slow {
        fs::remove_file(slow).unwrap();
    }
    env.start_host().unwrap();
    let [first] = &commands(&env, &phone)[..] else {
        panic!("{:?}", commands(&env, &phone));
    };
    phone.switch_on().unwrap();
    assert_eq!(env.outcome(&phone, first).unwrap()["status"], "success");
    assert!(phone.opens_with("1111").unwrap());

    let newer = ["password", "reset", &phone.id, "--yes"];
    let newer = env.ask(&newer, "2222").unwrap();
    assert_eq!(env.outcome(&phone, &newer).unwrap()["status"], "success");

    let (status, is_replayed, again) = reset(&runtime, &env, &phone, "k1", "1111").unwrap();
    assert_eq!((status, is_replayed), (201, true), "{again}");
    assert_eq!(again["id"], first["id"]);
    assert_eq!(commands(&env, &phone).len(), 2);
    let (status, _, other) = reset(&runtime, &env, &phone, "k1", "3333").unwrap();
    assert_eq!(
        (status, &other["type"]),
        (422, &"idempotency-key-reused".into())
    );
    assert!(
        phone.opens_with("2222").unwrap(),
        "the newer password stays"
    );
}

#[test]
fn a_retry_after_a_kill_between_commit_and_answer_is_a_replay_and_the_newer_password_stays() {
    let folder = TempDir::new().unwrap();
    let library = preload::compile("slow_log", folder.path()).unwrap();
    let slow = folder.path().join("slow");
    let mut env = TestEnvironment::start().unwrap();
    env.kill_host().unwrap();
    env.set_for_host("LD_PRELOAD", library.to_str().unwrap());
    env.set_for_host("SLOW_LOG", slow.to_str().unwrap());
    env.start_host().unwrap();
    a_retry_after_a_kill(env, Some(&slow));
}

#[test]
fn a_retry_after_a_kill_between_commit_and_answer_is_a_replay_with_postgresql() {
    let postgres = Postgres::start().unwrap();
    let url = postgres.database("mdm").unwrap();
    a_retry_after_a_kill(
        TestEnvironment::with(&["--store", &url], "info").unwrap(),
        None,
    );
}

#[test]
fn a_key_is_executed_once_by_two_replicas_that_are_asked_at_the_same_time() {
    let postgres = Postgres::start().unwrap();
    let url = postgres.database("mdm").unwrap();
    let one = TestEnvironment::with(&["--store", &url], "info").unwrap();
    let two = TestEnvironment::replica_of(&one).unwrap();
    let runtime = Runtime::new().unwrap();
    let phone = one.enroll(Make::default()).unwrap();
    let answers: Vec<Answer> = thread::scope(|threads| {
        let asked = [&one, &two, &one, &two].map(|env| {
            let (runtime, phone) = (&runtime, &phone);
            threads.spawn(move || reset(runtime, env, phone, "k1", "1111").unwrap())
        });
        asked.map(|it| it.join().unwrap()).into()
    });
    for (status, _, answer) in &answers {
        assert_eq!(
            (*status, &answer["id"]),
            (201, &answers[0].2["id"]),
            "{answer}"
        );
    }
    let executed = answers.iter().filter(|(_, is_replayed, _)| !is_replayed);
    assert_eq!(executed.count(), 1, "{answers:?}");
    wait_until("both know of one command", || {
        Ok([&one, &two]
            .iter()
            .all(|env| commands(env, &phone).len() == 1))
    })
    .unwrap();
}
