//! A hostile plugin beside a hundred devices: its call fails with an error of its own, theirs succeed, the
//! host's memory stays bounded, and nothing half-done is stored.

use mdm_tests::{
    counted::Counted,
    memory::{peak, resident},
    plugins::{FUNCTIONS, PROBE, starting},
    test_environment::{Device, Make, TestEnvironment, http_client},
};
use serde_json::{Value, json};
use std::{fs, process::Command};
use tokio::{runtime::Runtime, task::JoinSet};

/// The devices whose calls are under way while another one's does attempt.
const OTHERS: usize = 100;

/// The memory that the server may take for a plugin that takes all it can get: its 64 MiB, and some room.
const ROOM: u64 = 160 << 20;

/// The attempt of the probe (`conformance/probe`), the error for its caller, and the limit that is counted.
const ATTEMPTS: [(&str, &str, Option<&str>); 18] = [
    ("spin", "plugin-too-slow", Some("time")),
    ("read-without-end", "plugin-too-slow", Some("time")),
    ("guess-without-end", "plugin-too-slow", Some("time")),
    ("exhaust-memory", "plugin-too-large", Some("memory")),
    ("exhaust-stack", "plugin-too-deep", Some("stack")),
    ("exhaust-own-stack", "plugin-crashed", None),
    ("panic", "plugin-crashed", None),
    (
        "return-megabytes",
        "plugin-too-much",
        Some("hostcall_bytes"),
    ),
    (
        "return-many-elements",
        "plugin-too-much",
        Some("hostcall_bytes"),
    ),
    (
        "complete-with-megabytes",
        "plugin-too-much",
        Some("hostcall_bytes"),
    ),
    ("return-four-gibibytes", "plugin-crashed", None),
    (
        "send-without-end",
        "plugin-too-many-changes",
        Some("changes"),
    ),
    ("complete-foreign-command", "plugin-broke-contract", None),
    ("override-by-foreign-command", "plugin-broke-contract", None),
    ("return-unsent-id", "plugin-broke-contract", None),
    ("send-without-secret", "plugin-broke-contract", None),
    ("drop-handle-twice", "plugin-crashed", None),
    ("complete-long-id", "plugin-broke-contract", None),
];

/// The calls that fail at one time to flood the log, each with the longest message.
const FLOOD: usize = 200;

fn host() -> TestEnvironment {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("probe.wasm");
    fs::write(&file, PROBE).unwrap();
    let plugin = file.to_str().unwrap();
    // Enough time that even on a busy machine only what never ends runs out of it.
    let args = [
        "--plugin",
        plugin,
        "--unchecked-plugin",
        "--plugin-time",
        "500",
        "--plugin-instances",
        "4",
    ];
    let env = TestEnvironment::with(
        &[&args[..], &["--rate-per-address", "100000"]].concat(),
        "info",
    );
    env.unwrap()
}

/// Asks for a reset, and so for this attempt.
async fn reset(
    client: reqwest::Client,
    url: String,
    token: String,
    attempt: Option<&'static str>,
) -> (u16, Value) {
    let body = json!({"password": "1234", "reason": attempt}).to_string();
    let request = client.post(url).bearer_auth(token).body(body);
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

fn history(env: &TestEnvironment, device: &Device) -> usize {
    let status = env.ask(&["password", "status", &device.id], "").unwrap();
    status["history"].as_array().unwrap().len()
}

#[test]
fn law_3_whatever_a_plugin_does_a_hundred_other_devices_calls_succeed_and_the_host_stays_as_it_was()
{
    let env = host();
    let enroll = |name: &str| {
        let make = Make {
            name,
            ..Make::default()
        };
        env.enroll(make).unwrap()
    };
    let attacker = enroll("attacker");
    let others: Vec<Device> = (0..OTHERS)
        .map(|number| enroll(&format!("phone-{number}")))
        .collect();
    let (runtime, client, token) = (Runtime::new().unwrap(), http_client(), env.token().unwrap());
    let process = env.host_process().unwrap();
    let url =
        |device: &Device| format!("{}/api/v1/devices/{}/password/reset", env.url(), device.id);
    let rounds = |attempt: Option<&'static str>, times: usize| {
        runtime.block_on(async {
            let calls: JoinSet<_> = others
                .iter()
                .map(|device| reset(client.clone(), url(device), token.clone(), None))
                .collect();
            let attempts: JoinSet<_> = (0..times)
                .map(|_| reset(client.clone(), url(&attacker), token.clone(), attempt))
                .collect();
            (attempts.join_all().await, calls.join_all().await)
        })
    };
    let round = |attempt: Option<&'static str>| {
        let (mut attempts, calls) = rounds(attempt, 1);
        (attempts.remove(0), calls)
    };
    let succeeded =
        |calls: &[(u16, Value)]| calls.iter().filter(|(status, _)| *status == 201).count();

    let (tame, calls) = round(None);
    assert_eq!((tame.0, succeeded(&calls)), (201, OTHERS), "{tame:?}");
    let (before, was_resident) = (peak(process).unwrap(), resident(process).unwrap());
    for (number, (attempt, kind, limit)) in ATTEMPTS.into_iter().enumerate() {
        let counted = Counted::read(&env).unwrap();
        let ((status, problem), calls) = round(Some(attempt));
        assert_eq!(
            (status, problem["type"].as_str()),
            (503, Some(kind)),
            "{attempt}: {problem}"
        );
        assert_eq!(succeeded(&calls), OTHERS, "attempt {attempt}: {calls:?}");
        assert_eq!(
            history(&env, &attacker),
            1,
            "attempt {attempt} left a command"
        );
        assert_eq!(
            history(&env, &others[number]),
            2 + number,
            "a command was lost beside attempt {attempt}"
        );
        let now = Counted::read(&env).unwrap();
        let more = |metric: &str| now.of(metric) - counted.of(metric);
        let outcome =
            |outcome| format!(r#"mdm_plugin_calls_total{{function="reset",outcome="{outcome}"}}"#);
        assert_eq!(
            (more(&outcome(kind)), more(&outcome("decided"))),
            (1, OTHERS as u64),
            "{attempt}"
        );
        assert_eq!(
            more(r#"mdm_commands_requested_total{action="reset"}"#),
            OTHERS as u64
        );
        for known in ["time", "memory", "stack", "hostcall_bytes", "changes"] {
            let reached = more(&format!(
                r#"mdm_plugin_limit_reached_total{{limit="{known}"}}"#
            ));
            assert_eq!(
                reached,
                u64::from(limit == Some(known)),
                "{attempt}: {known}"
            );
        }
    }
    // A plugin that keeps a handle can't use it in a later call.
    for _ in 0..2 {
        let ((status, problem), calls) = round(Some("keep-handle"));
        let detail = problem["detail"].as_str().unwrap();
        assert_eq!((status, succeeded(&calls)), (409, OTHERS), "{problem}");
        assert!(detail.contains("nothing was kept"), "{detail}");
    }
    let (counted, log) = (Counted::read(&env).unwrap(), env.host_log().unwrap().len());
    let (attempts, calls) = rounds(Some("complete-long-id"), FLOOD);
    let stopped = attempts.iter().filter(|(status, _)| *status == 503).count();
    assert_eq!((stopped, succeeded(&calls)), (FLOOD, OTHERS));
    assert_eq!(history(&env, &attacker), 1, "the flood left a command");
    let written = env.host_log().unwrap().len() - log;
    assert!(written < 200_000, "{written} bytes were written");
    let dropped = r#"mdm_plugin_limit_reached_total{limit="log"}"#;
    let dropped = Counted::read(&env).unwrap().of(dropped) - counted.of(dropped);
    assert!(dropped > FLOOD as u64 / 2, "{dropped} lines were dropped");

    let (after, is_resident) = (peak(process).unwrap(), resident(process).unwrap());
    eprintln!(
        "memory in MiB: at most {} then {}, resident {} then {}",
        before >> 20,
        after >> 20,
        was_resident >> 20,
        is_resident >> 20
    );
    assert!(
        after < before + ROOM,
        "the host took {} MiB more",
        (after - before) >> 20
    );
    assert!(
        is_resident < was_resident + ROOM / 2,
        "the host kept {} MiB more",
        (is_resident - was_resident) >> 20
    );
    let lists: Value = env.ask(&["password", "status", &others[0].id], "").unwrap();
    let rounds = 1 + ATTEMPTS.len() + 2 + 1;
    assert_eq!(lists["history"].as_array().unwrap().len(), rounds);
}

#[test]
fn law_7_a_plugin_that_fails_all_the_time_does_not_flood_the_log() {
    let env = host();
    let phone = env.enroll(Make::default()).unwrap();
    let (runtime, client, token) = (Runtime::new().unwrap(), http_client(), env.token().unwrap());
    let url = format!("{}/api/v1/devices/{}/password/reset", env.url(), phone.id);
    let before = env.host_log().unwrap().len();
    runtime.block_on(async {
        // Each failure would write 100 KB.
        let calls: JoinSet<_> = (0..300)
            .map(|_| {
                reset(
                    client.clone(),
                    url.clone(),
                    token.clone(),
                    Some("complete-long-id"),
                )
            })
            .collect();
        for (status, problem) in calls.join_all().await {
            assert_eq!(
                (status, &problem["type"]),
                (503, &json!("plugin-broke-contract"))
            );
            assert!(problem["detail"].as_str().unwrap().len() < 1000);
        }
    });
    let written = env.host_log().unwrap().len() - before;
    assert!(written < 200_000, "{written} bytes were written");
    let counted = Counted::read(&env).unwrap();
    let dropped = counted.of(r#"mdm_plugin_limit_reached_total{limit="log"}"#);
    assert!(dropped > 100, "{dropped} lines were dropped");
    assert_eq!(history(&env, &phone), 0);
}

#[test]
fn of_a_call_that_traps_the_log_has_the_backtrace_and_who_called_has_the_words() {
    let env = host();
    let phone = env.enroll(Make::default()).unwrap();
    let (runtime, client, token) = (Runtime::new().unwrap(), http_client(), env.token().unwrap());
    let url = format!("{}/api/v1/devices/{}/password/reset", env.url(), phone.id);
    for (attempt, words) in [
        ("panic", "the plugin crashed"),
        ("exhaust-stack", "KiB of stack"),
        ("read-without-end", "ran longer than"),
    ] {
        let before = env.host_log().unwrap().len();
        let (status, problem) = runtime.block_on(reset(
            client.clone(),
            url.clone(),
            token.clone(),
            Some(attempt),
        ));
        let detail = problem["detail"].as_str().unwrap();
        assert_eq!(status, 503);
        assert!(detail.contains(words), "{detail}");
        let (said, log) = (problem.to_string(), env.host_log().unwrap());
        let lines: Vec<_> = log[before..].lines().collect();
        let [line] = lines[..] else {
            panic!("not in one line: {lines:#?}")
        };
        let said_of_it = detail.strip_suffix("; nothing was changed").unwrap();
        assert!(line.contains("WARN") && line.contains(said_of_it), "{line}");
        assert!(line.contains(&phone.id), "of which device: {line}");
        for of_the_backtrace in ["wasm backtrace", "<wasm function "] {
            assert!(line.contains(of_the_backtrace), "{line}");
            assert!(!said.contains(of_the_backtrace), "{said}");
        }
        assert!(line.len() < 6000, "{}: {line}", line.len());
    }
}

#[test]
fn a_limit_that_a_plugin_breaks_before_it_is_used_is_counted_too() {
    let env = TestEnvironment::start().unwrap();
    let file = env.folder().join("table.wasm");
    let attempt = "(drop (table.grow (ref.null func) (i32.const 1000000)))";
    let text = starting("mdm:password/password@1.0.0", &FUNCTIONS, attempt);
    fs::write(&file, wat::parse_str(text).unwrap()).unwrap();
    let refused = env
        .admin(&["plugin", "use", file.to_str().unwrap()], "")
        .unwrap();
    let said = mdm_tests::test_environment::text(&refused);
    assert!(said.contains("100000 elements in a table"), "{said}");
    let counted = Counted::read(&env).unwrap();
    assert_eq!(
        counted.of(r#"mdm_plugin_limit_reached_total{limit="table"}"#),
        1
    );
}

#[test]
fn calls_beyond_the_instances_wait_and_are_counted() {
    let env = TestEnvironment::with(&["--plugin-instances", "1"], "info").unwrap();
    let phone = env.enroll(Make::default()).unwrap();
    let (runtime, client, token) = (Runtime::new().unwrap(), http_client(), env.token().unwrap());
    let url = format!("{}/api/v1/devices/{}/password/reset", env.url(), phone.id);
    let statuses = runtime.block_on(async {
        let calls: JoinSet<_> = (0..50)
            .map(|_| reset(client.clone(), url.clone(), token.clone(), None))
            .collect();
        calls.join_all().await
    });
    let made = statuses.iter().filter(|(status, _)| *status == 201).count();
    assert_eq!(made, 1, "the others are refused by the rules: {statuses:?}");
    let counted = Counted::read(&env).unwrap();
    assert!(counted.of(r#"mdm_plugin_limit_reached_total{limit="instances"}"#) > 0);
    assert_eq!(counted.of("mdm_plugin_calls_running"), 0);
    assert_eq!(counted.of("mdm_commands_pending"), 1);
}

#[test]
fn the_metrics_are_read_with_a_token_of_their_own_that_opens_nothing_else() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("metrics.token");
    let env =
        TestEnvironment::with(&["--metrics-token-file", file.to_str().unwrap()], "info").unwrap();
    let token = fs::read_to_string(&file).unwrap();
    let runtime = Runtime::new().unwrap();
    let get = |path: &str, token: &str| {
        let request = http_client()
            .get(format!("{}{path}", env.url()))
            .bearer_auth(token);
        runtime.block_on(async { request.send().await.unwrap() })
    };
    let answer = get("/metrics", token.trim());
    assert_eq!(answer.status(), 200);
    let form = answer.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(form.starts_with("application/openmetrics-text"), "{form}");
    assert_eq!(get("/api/v1/devices", token.trim()).status(), 401);
    assert_eq!(get("/metrics", &env.token().unwrap()).status(), 200);
    for stranger in ["", "guess", "mdm_metrics_guess"] {
        assert_eq!(get("/metrics", stranger).status(), 401);
    }
    let counted = Counted::read(&env).unwrap();
    let refused = r#"mdm_admin_refused_total{reason="unauthorized"}"#;
    assert_eq!(counted.of(refused), 4);

    fs::write(&file, "short\n").unwrap();
    let mut host = Command::new(mdm_tests::test_environment::program("mdm-server").unwrap());
    host.args(["serve", "--listen", "127.0.0.1:0", "--metrics-token-file"])
        .arg(&file);
    let output = host
        .arg("--data")
        .arg(folder.path().join("data"))
        .output()
        .unwrap();
    assert!(
        mdm_tests::test_environment::text(&output).contains("can be guessed"),
        "{output:?}"
    );
}
