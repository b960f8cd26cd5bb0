//! Two hosts on one PostgreSQL database: it is all the same which of them is asked.

use mdm_tests::{
    as_agent::{AsAgent, now},
    plugins,
    postgres::Postgres,
    test_environment::{
        Device, Make, TestEnvironment, http_client, ready, staying_client, text, wait_until,
    },
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Two replicas, which end before their database does.
pub(super) struct Pair {
    pub(super) one: TestEnvironment,
    pub(super) two: TestEnvironment,
    pub(super) postgres: Postgres,
}

impl Pair {
    pub(super) fn start(serve_args: &[&str]) -> Self {
        let postgres = Postgres::start().unwrap();
        let url = postgres.database("mdm").unwrap();
        let one =
            TestEnvironment::with(&[&["--store", &url], serve_args].concat(), "info").unwrap();
        let two = TestEnvironment::replica_of(&one).unwrap();
        Self { one, two, postgres }
    }

    pub(super) fn phone(&self) -> Device {
        self.one.enroll(Make::default()).unwrap()
    }
}

/// The first admin chooses a password at a host, and has a session then.
fn accept(runtime: &tokio::runtime::Runtime, invitation: &str, env: &TestEnvironment) -> String {
    let call = staying_client()
        .unwrap()
        .post(format!("{}{invitation}", env.url()))
        .header("content-type", "application/x-www-form-urlencoded")
        .body("password=tulip-anvil-rainy-42&again=tulip-anvil-rainy-42");
    let answer = runtime.block_on(call.send()).unwrap();
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

fn reset(env: &TestEnvironment, phone: &Device, password: &str) -> Value {
    let reset = ["password", "reset", &phone.id, "--yes"];
    env.ask(&reset, password).unwrap()
}

#[test]
fn a_reset_asked_of_one_replica_reaches_an_agent_that_waits_at_the_other_at_once() {
    let pair = Pair::start(&[]);
    let mut phone = pair.phone();
    phone.switch_on().unwrap();
    pair.one.wait_online(&phone).unwrap();
    pair.two.wait_online(&phone).unwrap();
    let start = Instant::now();
    let command = reset(&pair.two, &phone, "1357");
    let completed = pair.two.outcome(&phone, &command).unwrap();
    assert_eq!(completed["status"], "success");
    // Without news of it, the agent would wait out its half minute.
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
    assert!(phone.opens_with("1357").unwrap());
}

#[test]
fn a_sync_that_one_replica_has_taken_is_a_replay_at_the_other() {
    let pair = Pair::start(&[]);
    let phone = pair.phone();
    let agent = AsAgent::of(&pair.one, &phone).unwrap();
    let call = agent
        .signed(&json!({"device_info": agent.device_info}), now())
        .unwrap();
    assert_eq!(call.send().unwrap().0, 200);
    let (status, problem) = call.at(&pair.two).send().unwrap();
    assert_eq!(
        (status, &problem["type"]),
        (401, &"replayed".into()),
        "{problem}"
    );
    let other = agent
        .signed(&json!({"device_info": agent.device_info}), now())
        .unwrap();
    assert_eq!(
        other.at(&pair.two).send().unwrap().0,
        200,
        "a new one is none"
    );
}

#[test]
fn a_plugin_that_is_chosen_at_one_replica_decides_at_the_other_too() {
    let pair = Pair::start(&[]);
    let file = pair.one.folder().join("corporate.wasm");
    std::fs::write(&file, plugins::CORPORATE).unwrap();
    let before = pair.two.ask(&["plugin", "show"], "").unwrap();
    pair.one
        .ask(&["plugin", "use", file.to_str().unwrap()], "")
        .unwrap();
    let active = |env: &TestEnvironment| {
        env.ask(&["plugin", "show"], "")
            .map(|shown| shown["active"]["digest"].clone())
    };
    let chosen = active(&pair.one).unwrap();
    assert_ne!(chosen, before["active"]["digest"]);
    wait_until("the other replica follows", || {
        Ok(active(&pair.two)? == chosen)
    })
    .unwrap();
    pair.two.ask(&["plugin", "roll-back"], "").unwrap();
    wait_until("the first one follows back", || {
        Ok(active(&pair.one)? == before["active"]["digest"])
    })
    .unwrap();
}

#[test]
fn who_guesses_passwords_at_both_replicas_is_told_to_wait_by_both() {
    let pair = Pair::start(&[]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let guess = |env: &TestEnvironment| {
        let url = format!("{}/sign-in", env.url());
        let call = http_client()
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body("name=admin&password=guessed");
        runtime.block_on(call.send()).unwrap().status().as_u16()
    };
    let (start, mut answers) = (Instant::now(), Vec::new());
    for _ in 0..8 {
        answers.extend([guess(&pair.one), guess(&pair.two)]);
        // They tell each other five times a second.
        std::thread::sleep(Duration::from_millis(300));
    }
    // Ten at once, one more every six seconds, and those that one replica has not heard of yet.
    let more = usize::try_from(start.elapsed().as_secs() / 6).unwrap();
    let tried = answers.iter().filter(|status| **status == 401).count();
    assert!((10..=12 + more).contains(&tried), "{answers:?}");
    for replica in [0, 1] {
        let mut own = answers.iter().skip(replica).step_by(2);
        assert!(own.any(|status| *status == 429), "{answers:?}");
    }
}

#[test]
fn who_signs_in_at_one_replica_is_signed_in_at_the_other_and_out_of_both_at_once() {
    let pair = Pair::start(&[]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let client = staying_client().unwrap();
    let post = |url: String, form: String, cookie: &str| {
        let call = client
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", cookie)
            .body(form);
        runtime.block_on(call.send()).unwrap()
    };
    // A client that is not signed in is redirected.
    let devices = |env: &TestEnvironment, cookie: &str| {
        let call = client.get(format!("{}/devices", env.url()));
        let call = call.header("cookie", cookie);
        runtime.block_on(async {
            let answer = call.send().await.unwrap();
            let is_shown = answer.status() == 200;
            is_shown.then_some(answer.text().await.unwrap())
        })
    };
    let cookie = &accept(&runtime, &pair.two.first_invitation().unwrap(), &pair.one);
    let page = devices(&pair.one, cookie).expect("signed in where the session was made");
    devices(&pair.two, cookie).expect("signed in at the other");
    assert!(devices(&pair.two, "mdm-session=another").is_none());
    let (_, token) = page.split_once("name=\"form_token\" value=\"").unwrap();
    let token = token.split('"').next().unwrap();
    let url = format!("{}/sign-out", pair.two.url());
    post(url, format!("form_token={token}"), cookie);
    for env in [&pair.one, &pair.two] {
        assert!(devices(env, cookie).is_none(), "still signed in");
    }
}

#[test]
fn calls_of_a_device_or_an_address_at_one_replica_count_at_the_other() {
    let pair = Pair::start(&["--rate-per-device", "1", "--rate-per-address", "10"]);
    let phone = pair.phone();
    let agent = AsAgent::of(&pair.one, &phone).unwrap();
    let sync = |env: &TestEnvironment| {
        let call = agent
            .signed(&json!({"device_info": agent.device_info}), now())
            .unwrap();
        let (status, answer) = call.at(env).send().unwrap();
        assert!(status == 200 || status == 429, "{answer}");
        status == 200
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let client = http_client();
    let call = |env: &TestEnvironment| {
        let call = client.get(format!("{}/api/v1/devices", env.url()));
        let status = runtime.block_on(call.send()).unwrap().status();
        assert!(status == 401 || status == 429, "{status}");
        status == 401
    };
    // Each rate allows four times as many at once, and then again as many as come in a second.
    let counted = |rate: u64, is_taken: &dyn Fn(&TestEnvironment) -> bool| {
        let start = Instant::now();
        let mut taken = 0;
        for env in [&pair.one, &pair.two] {
            taken += (0..4 * rate).filter(|_| is_taken(env)).count() as u64;
            // They tell each other five times a second.
            std::thread::sleep(Duration::from_millis(700));
        }
        let most = rate * (4 + start.elapsed().as_secs() + 1);
        assert!(
            taken <= most,
            "{taken} calls were taken at a rate of {rate}"
        );
        taken
    };
    // The first one was made by the agent when it enrolled.
    assert!(counted(1, &sync) > 0);
    assert!(counted(10, &call) > 0);
}

#[test]
fn when_the_replica_that_leads_is_killed_the_other_ends_what_has_expired() {
    let mut pair = Pair::start(&[]);
    let phone = pair.phone();
    let asked = |env: &TestEnvironment, valid: &str| {
        let reset = [
            "password",
            "reset",
            &phone.id,
            "--yes",
            "--valid-for",
            valid,
        ];
        env.ask(&reset, "1357").unwrap()
    };
    let expired = |env: &TestEnvironment, command: &Value| {
        let completed = env.outcome(&phone, command).unwrap();
        assert_eq!(
            completed["status"],
            json!({"failed": "expired"}),
            "{completed}"
        );
    };
    expired(&pair.two, &asked(&pair.two, "1"));
    let command = asked(&pair.two, "2");
    pair.one.kill_host().unwrap();
    expired(&pair.two, &command);
    // The other way round.
    pair.one.start_host().unwrap();
    let command = asked(&pair.one, "2");
    pair.two.kill_host().unwrap();
    expired(&pair.one, &command);
}

#[test]
fn a_database_that_stops_and_starts_again_costs_retries_and_no_restart() {
    let mut pair = Pair::start(&[]);
    let mut phone = pair.phone();
    phone.switch_on().unwrap();
    pair.one.wait_online(&phone).unwrap();
    pair.postgres.stop().unwrap();
    let refused = pair
        .one
        .refused(&["device", "show", &phone.id], "")
        .unwrap();
    assert_eq!(refused["type"], "store-failed", "{refused}");
    pair.postgres.start_again().unwrap();
    for (env, password) in [(&pair.one, "2468"), (&pair.two, "1357")] {
        wait_until("the host can be asked again", || {
            Ok(env
                .admin(&["device", "show", &phone.id], "")?
                .status
                .success())
        })
        .unwrap();
        let command = reset(env, &phone, password);
        assert_eq!(env.outcome(&phone, &command).unwrap()["status"], "success");
        assert!(phone.opens_with(password).unwrap());
    }
    let verified = pair.one.verify_audit(&[]).unwrap();
    assert!(verified.status.success(), "{}", text(&verified));
}

#[test]
fn a_host_with_another_key_is_no_replica_and_says_so() {
    let postgres = Postgres::start().unwrap();
    let url = postgres.database("mdm").unwrap();
    let first = TestEnvironment::with(&["--store", &url], "info").unwrap();
    let started =
        std::process::Command::new(mdm_tests::test_environment::program("mdm-server").unwrap())
            .args(["audit", "verify", "--store", &url, "--data"])
            .arg(first.folder().join("data"))
            .output()
            .unwrap();
    assert!(started.status.success(), "{}", text(&started));
    let stranger = TestEnvironment::stranger(&["--store", &url]).unwrap();
    wait_until("the host says why it is not ready", || {
        Ok(stranger.host_log()?.contains("belongs to another host.key"))
    })
    .unwrap();
    let (status, body) = ready(&stranger.url()).unwrap();
    assert_eq!(status, 503, "{body}");
    let body = body.to_string();
    assert!(!body.contains("127.0.0.1"), "strangers learn where: {body}");
}

#[test]
fn a_database_of_a_newer_host_is_not_touched_until_a_host_that_knows_it_runs() {
    let postgres = Postgres::start().unwrap();
    let url = postgres.database("mdm").unwrap();
    drop(TestEnvironment::with(&["--store", &url], "info").unwrap());
    postgres
        .ask("mdm", "update schema_history set version = 99")
        .unwrap();
    let old = TestEnvironment::stranger(&["--store", &url]).unwrap();
    wait_until("the host says why it is not ready", || {
        Ok(old.host_log()?.contains("run a newer server"))
    })
    .unwrap();
    assert_eq!(ready(&old.url()).unwrap().0, 503);
    assert_eq!(
        postgres
            .ask("mdm", "select version from schema_history")
            .unwrap(),
        "99"
    );
}

#[test]
fn a_host_whose_connections_are_all_in_use_says_so_and_goes_on_when_they_are_free() {
    let postgres = Postgres::start().unwrap();
    let url = postgres.database("mdm").unwrap();
    let env =
        TestEnvironment::with(&["--store", &url, "--store-connections", "2"], "info").unwrap();
    let phone = env.enroll(Make::default()).unwrap();
    let address = env.url();
    let token = env.token().unwrap();
    std::thread::scope(|scope| {
        let held = postgres.hold("mdm", "begin; lock table devices").unwrap();
        let is_ready = scope.spawn(|| {
            // The calls below have begun to wait by then.
            std::thread::sleep(Duration::from_secs(1));
            ready(&address).unwrap()
        });
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let answers = runtime.block_on(async {
            let url = format!("{address}/api/v1/devices/{}", phone.id);
            let ask = || http_client().get(&url).bearer_auth(&token).send();
            let asked = (0..6).map(|_| ask());
            let mut problems = Vec::new();
            for answer in futures_util::future::join_all(asked).await {
                let answer = answer.unwrap();
                problems.push((answer.status().as_u16(), answer.text().await.unwrap()));
            }
            problems
        });
        assert!(
            answers
                .iter()
                .any(|(status, body)| *status == 503 && body.contains("store-busy")),
            "{answers:?}"
        );
        let (status, problem) = is_ready.join().unwrap();
        assert_eq!(status, 503, "{problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.contains("the store is busy: all connections"),
            "{detail}"
        );
        drop(held);
    });
    wait_until("the host is ready again", || Ok(ready(&address)?.0 == 200)).unwrap();
    let shown = env.admin(&["device", "show", &phone.id], "").unwrap();
    assert!(shown.status.success(), "{}", text(&shown));
}

#[test]
fn an_address_that_is_none_is_refused_at_once_and_its_password_is_not_repeated() {
    let folder = tempfile::TempDir::new().unwrap();
    let refused =
        std::process::Command::new(mdm_tests::test_environment::program("mdm-server").unwrap())
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(folder.path())
            .args([
                "--store",
                "postgres://mdm:hunter2secret@db.example:port/mdm",
            ])
            .output()
            .unwrap();
    assert!(!refused.status.success());
    let said = text(&refused);
    assert!(
        said.contains("postgres://user:password@host/database"),
        "{said}"
    );
    assert!(!said.contains("hunter2secret"), "{said}");
}

#[test]
fn at_no_level_the_log_has_what_is_written_to_the_database() {
    let postgres = Postgres::start().unwrap();
    let url = postgres.database("mdm").unwrap();
    let host = TestEnvironment::with(&["--store", &url], "trace,cranelift_codegen=info").unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    accept(&runtime, &host.first_invitation().unwrap(), &host);
    let hash = postgres.ask("mdm", "select password from users").unwrap();
    assert!(hash.starts_with("$argon2id$"), "{hash}");
    let log = host.host_log().unwrap();
    assert!(log.contains(" TRACE "), "it logs all there is");
    assert!(!log.contains(&hash), "the hash of a password is in the log");
}

#[test]
fn a_host_reaches_its_database_by_a_unix_socket() {
    let postgres = Postgres::start().unwrap();
    postgres.database("mdm").unwrap();
    let (folder, port) = (postgres.folder().display(), postgres.port());
    let url = format!("postgres:///mdm?user=mdm&host={folder}&port={port}");
    let env = TestEnvironment::with(&["--store", &url], "info").unwrap();
    let phone = env.enroll(Make::default()).unwrap();
    let connected = "select bool_and(client_addr is null) from pg_stat_activity \
        where application_name = 'mdm-server'";
    assert_eq!(postgres.ask("mdm", connected).unwrap(), "t");
    env.ask(&["device", "show", &phone.id], "").unwrap();
}

#[test]
fn a_mode_of_tls_that_the_host_does_not_know_is_refused_with_those_that_it_knows() {
    let folder = tempfile::TempDir::new().unwrap();
    let refused =
        std::process::Command::new(mdm_tests::test_environment::program("mdm-server").unwrap())
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(folder.path())
            .args([
                "--store",
                "postgres://mdm@db.example/mdm?sslmode=verify-full",
            ])
            .output()
            .unwrap();
    assert!(!refused.status.success());
    let said = text(&refused);
    assert!(
        said.contains("sslmode is disable, prefer or require"),
        "{said}"
    );
}
