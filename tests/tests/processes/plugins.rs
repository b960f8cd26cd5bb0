//! `mdm-plugin` for authors of plugins, and `mdm-server plugin` for the admin who chooses one.

use mdm_password_host::inspect;
use mdm_tests::{
    plugins::{CORPORATE, CRASHES, FUNCTIONS, PROBE, breaking},
    swaps::{self, GOOD_PASSWORD},
    test_environment::{Device, Make, TestEnvironment, http_client, program, text, wait_until},
};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};
use tempfile::TempDir;

const REFERENCE: &[u8] = mdm_password_component::REFERENCE;

/// Both the reference and the corporate plugin can work with this rule.
const RULE: [&str; 2] = ["--password-rule", "alphanumeric:8-16"];

fn plugin(args: &[&str], file: &Path) -> Output {
    let mut command = Command::new(program("mdm-plugin").unwrap());
    command.args(args).arg(file).output().unwrap()
}

fn written(folder: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn a_check_passes_with_status_0_and_fails_with_status_1_and_says_what_to_mend() {
    let folder = TempDir::new().unwrap();
    let good = plugin(&["check"], &written(&folder, "good.wasm", REFERENCE));
    assert!(good.status.success(), "{}", text(&good));
    assert!(text(&good).contains("it conforms"));
    let file = written(&folder, "bad.wasm", &breaking(11));
    let bad = plugin(&["check", "--seed", "7"], &file);
    assert_eq!(bad.status.code(), Some(1));
    let page = String::from_utf8(bad.stdout).unwrap();
    // The first line has the digest, which is another one with another compiler.
    let (_, page) = page.split_once('\n').unwrap();
    insta::assert_snapshot!("check", page);
}

#[test]
fn a_check_in_json_tells_for_every_case_what_was_expected_and_what_came_back() {
    let folder = TempDir::new().unwrap();
    let file = written(&folder, "bad.wasm", &breaking(7));
    let told = plugin(&["check", "--json"], &file);
    assert_eq!(told.status.code(), Some(1));
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    let findings = told["findings"].as_array().unwrap();
    let case = "with neither there is nothing to remove";
    let found = findings.iter().find(|it| it["case"] == case).unwrap();
    assert_eq!(found["rule"], 7);
    assert_eq!(found["verdict"], "fail");
    assert_eq!(found["expected"]["returns"]["err"], "nothing-to-remove");
    assert!(!found["got"]["returns"]["ok"].is_null());
    let passed = findings.iter().filter(|it| it["verdict"] == "pass").count();
    assert!(passed > 150, "all the others: {passed}");
}

#[test]
fn a_check_shows_what_the_plugin_logged_in_a_failed_case_without_control_characters() {
    let folder = TempDir::new().unwrap();
    let file = written(&folder, "probe.wasm", PROBE);
    let options = ["check", "--sequences", "1", "--group", "panic-in-expire"];
    let page = text(&plugin(&options, &file));
    let logged = r"logged error  the device is in panic-in-expire\u{1b}[2J";
    assert!(page.contains(logged), "{page}");
}

#[test]
fn a_verbose_check_lists_each_case() {
    let folder = TempDir::new().unwrap();
    let file = written(&folder, "good.wasm", REFERENCE);
    let lines = |options: &[&str]| {
        let page = text(&plugin(options, &file));
        page.lines().filter(|it| it.starts_with("pass ")).count()
    };
    assert_eq!(lines(&["check", "--sequences", "1"]), 2);
    assert!(lines(&["check", "--sequences", "1", "--verbose"]) > 150);
}

#[test]
fn a_check_runs_with_the_settings_of_a_file_and_says_what_is_wrong_in_them() {
    let folder = TempDir::new().unwrap();
    let file = written(&folder, "corporate.wasm", CORPORATE);
    let settings = |json: &str| {
        let settings = written(&folder, "settings.json", json.as_bytes());
        let settings = settings.to_str().unwrap();
        plugin(
            &["check", "--sequences", "1", "--settings", settings],
            &file,
        )
    };
    let checked = settings(r#"{"minimum-length": 12, "valid-for-hours": 1}"#);
    assert!(checked.status.success(), "{}", text(&checked));
    for (wrong, why) in [
        ("[]", "not a JSON object"),
        ("{", "not JSON"),
        (
            r#"{"minimum-length": 4}"#,
            "/minimum-length: a password of less than 6",
        ),
        (
            r#"{"minimum-lenght": 4}"#,
            "'minimum-lenght' was unexpected",
        ),
    ] {
        let checked = settings(wrong);
        assert_eq!(checked.status.code(), Some(1));
        let page = text(&checked);
        assert!(page.contains("settings.json can't be used: "), "{page}");
        assert!(page.contains(why), "{wrong}: {page}");
    }
}

#[test]
fn a_test_runs_the_authors_own_cases_and_shows_the_shortest_difference_of_a_failed_one() {
    let folder = TempDir::new().unwrap();
    let file = written(&folder, "corporate.wasm", CORPORATE);
    let cases = TempDir::new().unwrap();
    let test = || {
        let cases = cases.path().to_str().unwrap();
        plugin(&["test", "--sequences", "1", "--cases", cases], &file)
    };
    let empty = test();
    assert_eq!(empty.status.code(), Some(1));
    assert!(
        text(&empty).contains("there is no JSON file"),
        "{}",
        text(&empty)
    );

    let own = |hours: u32| {
        format!(
            r#"{{"title": "Expiry", "settings": {{"valid-for-hours": {hours}}}, "cases": [{{
                "case": "a reset expires after two hours",
                "given": {{"password": "vE9#kq0LzP2w!xT7", "deployment": {{"password_rule":
                    {{"characters": "alphanumeric", "minimum_length": 8, "maximum_length": 16}}}}}},
                "call": {{"reset": {{}}}},
                "expect": {{
                    "returns": {{"ok": "0198c1de-0000-7000-8000-0000000000ff"}},
                    "effects": [{{"send": {{"action": "reset", "expires_at": "2026-01-05T14:00:00Z"}}}}]
                }}
            }}]}}"#
        )
    };
    written(&cases, "expiry.json", own(2).as_bytes());
    let passed = test();
    assert!(passed.status.success(), "{}", text(&passed));
    assert!(text(&passed).contains("expiry.json: 1 passed, 0 failed  Expiry"));

    written(&cases, "expiry.json", own(3).as_bytes());
    let failed = text(&test());
    for line in [
        "expiry.json: 0 passed, 1 failed  Expiry",
        "FAIL      own  a reset expires after two hours",
        r#"differs   effects.send.expires_at: expected "2026-01-05T14:00:00Z", got "2026-01-05T15:00:00Z""#,
        "call      {\"reset\":{}}",
    ] {
        assert!(failed.contains(line), "no `{line}`: {failed}");
    }

    for (wrong, why) in [
        ("{", "EOF while parsing"),
        (
            r#"{"title": "t", "cases": [{"cas": ""}]}"#,
            "unknown field `cas`",
        ),
        (
            r#"{"title": "t", "settings": {"hours": 1}, "cases": []}"#,
            "'hours' was unexpected",
        ),
    ] {
        written(&cases, "expiry.json", wrong.as_bytes());
        let refused = text(&test());
        assert!(refused.contains("expiry.json can't be used"), "{refused}");
        assert!(refused.contains(why), "{wrong}: {refused}");
    }
}

#[test]
fn an_inspection_tells_the_permissions_in_plain_words_and_what_is_denied() {
    let folder = TempDir::new().unwrap();
    let file = written(&folder, "good.wasm", REFERENCE);
    let told = plugin(&["inspect"], &file);
    let page = text(&told);
    for line in [
        "plugin     mdm-password-plugin ",
        "summary    ",
        "defaults   {}",
        "contract   1.0.0",
        "language   Rust",
        "granted  measure the password that a call was given, never read it",
        "this host  loads it",
    ] {
        assert!(page.contains(line), "no `{line}`: {page}");
    }
    let greedy = r#"(component (import "wasi:sockets/network@0.2.6" (instance)))"#;
    let file = written(&folder, "greedy.wasm", &wat::parse_str(greedy).unwrap());
    let page = text(&plugin(&["inspect"], &file));
    assert!(page.contains("DENIED   use the network"), "{page}");
    assert!(page.contains("this host  refuses it: "), "{page}");
}

/// Files that are no plugins, and what is said of each.
fn bad_files(folder: &TempDir) -> Vec<(PathBuf, &'static str)> {
    let component = |text: &str| wat::parse_str(text).unwrap();
    let exporting = |interface: &str| mdm_tests::plugins::exporting(interface, &FUNCTIONS);
    let two_memories = exporting("mdm:password/password@1.0.0").replacen(
        "(component",
        "(component (core module $two (memory 1)) (core instance (instantiate $two)) \
         (core instance (instantiate $two))",
        1,
    );
    let greedy = r#"(component (import "wasi:filesystem/types@0.2.6" (instance)))"#;
    [
        ("script", b"#!/bin/sh".to_vec(), "no WebAssembly component"),
        (
            "module",
            component("(module)"),
            "a core WebAssembly module, not a component",
        ),
        (
            "truncated",
            REFERENCE[..REFERENCE.len() / 2].to_vec(),
            "can't be compiled",
        ),
        (
            "empty",
            component("(component)"),
            "doesn't export mdm:password/password@1.0.0",
        ),
        (
            "other-version",
            component(&exporting("mdm:password/password@2.0.0")),
            "built for mdm:password@2.0.0, and this host supports mdm:password@1.0.0",
        ),
        (
            "next-major",
            component(r#"(component (import "mdm:password/types@2.0.0" (instance)))"#),
            "built for mdm:password@2.0.0, and this host supports mdm:password@1.0.0",
        ),
        (
            "other-types",
            component(&exporting("mdm:password/password@1.0.0")),
            "doesn't agree with the contract's types",
        ),
        (
            "greedy",
            component(greedy),
            "wasi:filesystem/types@0.2.6 (read and write files). Build it without",
        ),
        (
            "two-memories",
            component(&two_memories),
            "needs more than a plugin may have",
        ),
    ]
    .into_iter()
    .map(|(name, bytes, says)| (written(folder, name, &bytes), says))
    .collect()
}

#[test]
fn what_is_no_plugin_is_refused_with_the_reason_and_the_active_plugin_stays() {
    let env = TestEnvironment::start().unwrap();
    let folder = TempDir::new().unwrap();
    let before = env.ask(&["plugin", "show"], "").unwrap();
    for (file, says) in bad_files(&folder) {
        let path = file.to_str().unwrap();
        let output = plugin(&["check"], &file);
        assert_eq!(output.status.code(), Some(1), "{path}");
        assert!(
            text(&output).contains(says),
            "no `{says}`: {}",
            text(&output)
        );
        for command in ["use", "shadow"] {
            let problem = env.refused(&["plugin", command, path], "").unwrap();
            assert_eq!(problem["type"], "no-plugin", "{path}: {problem}");
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains(says), "{path}: no `{says}`: {detail}");
        }
    }
    let file = written(&folder, "wrong", &breaking(11));
    let problem = env
        .refused(&["plugin", "use", file.to_str().unwrap()], "")
        .unwrap();
    assert_eq!(problem["type"], "plugin-does-not-conform");
    let problem = env.refused(&["plugin", "roll-back"], "").unwrap();
    assert_eq!(problem["type"], "nothing-to-roll-back");
    assert_eq!(env.ask(&["plugin", "show"], "").unwrap(), before);
}

#[test]
fn a_compiled_plugin_is_for_the_host_that_compiled_it_and_an_altered_one_for_none() {
    let env = TestEnvironment::start().unwrap();
    let folder = TempDir::new().unwrap();
    let component = written(&folder, "corporate.wasm", CORPORATE);
    let compile = |data: &Path, name: &str| {
        let output = folder.path().join(name);
        let (data, to) = (data.to_str().unwrap(), output.to_str().unwrap());
        let made = plugin(&["compile", "--data", data, "--output", to], &component);
        assert!(made.status.success(), "{}", text(&made));
        output
    };
    let other = TempDir::new().unwrap();
    fs::write(other.path().join("host.key"), [7; 32]).unwrap();
    let theirs = compile(other.path(), "theirs");
    let ours = compile(&env.folder().join("data"), "ours");
    let mut bytes = fs::read(&ours).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let altered = written(&folder, "altered", &bytes);
    for file in [&theirs, &altered] {
        let problem = env
            .refused(&["plugin", "use", file.to_str().unwrap()], "")
            .unwrap();
        assert_eq!(problem["type"], "no-plugin");
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.contains("altered, or another host made it"),
            "{detail}"
        );
    }
    let used = env
        .ask(&["plugin", "use", ours.to_str().unwrap()], "")
        .unwrap();
    let inspected = plugin(&["inspect", "--json"], &component);
    let inspected: Value = serde_json::from_slice(&inspected.stdout).unwrap();
    assert_eq!(used["active"]["digest"], inspected["digest"]);
}

#[test]
fn a_plugin_is_compiled_for_no_folder_without_the_key_of_a_server() {
    let folder = TempDir::new().unwrap();
    let component = written(&folder, "reference.wasm", REFERENCE);
    let data = folder.path().join("data");
    let compile = || {
        let output = plugin(&["compile", "--data", data.to_str().unwrap()], &component);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output));
        text(&output)
    };
    let said = compile();
    assert!(said.contains("Start the server once"), "{said}");
    assert!(!data.exists(), "it is the server's to make");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("host.key"), [7; 31]).unwrap();
    let said = compile();
    assert!(said.contains("host.key is damaged"), "{said}");
}

#[test]
fn a_plugin_is_used_rolled_back_and_still_chosen_after_a_restart() {
    let mut env = TestEnvironment::start().unwrap();
    let folder = TempDir::new().unwrap();
    let file = written(&folder, "corporate.wasm", CORPORATE);
    let used = env
        .ask(&["plugin", "use", file.to_str().unwrap()], "")
        .unwrap();
    assert_eq!(used["active"]["is_default"], false);
    assert_eq!(used["active"]["name"], "corporate-plugin");
    assert_eq!(used["active"]["settings"]["minimum-length"], 8);
    assert_eq!(used["canary"]["terms"]["failures"], 3);
    env.kill_host().unwrap();
    env.start_host().unwrap();
    let shown = env.ask(&["plugin", "show"], "").unwrap();
    assert_eq!(shown["active"], used["active"]);
    let back = env.ask(&["plugin", "roll-back"], "").unwrap();
    assert_eq!(back["active"]["is_default"], true);
    assert_eq!(back["previous"], used["active"]);
    let page = text(&env.admin(&["plugin", "show"], "").unwrap());
    for line in [
        "active    mdm-password-plugin ",
        "settings: {}",
        "previous  corporate-plugin ",
        "which the server started with",
        "`plugin roll-back` makes it active again",
        "roll-back-plugin",
        "use-plugin",
    ] {
        assert!(page.contains(line), "no `{line}`: {page}");
    }
}

#[tokio::test]
async fn what_an_admin_asked_for_is_carried_out_also_if_the_caller_hangs_up() {
    let env = TestEnvironment::start().unwrap();
    let request = http_client()
        .put(format!("{}/api/v1/plugin", env.url()))
        .bearer_auth(env.token().unwrap())
        .body(CORPORATE)
        .timeout(Duration::from_millis(20));
    let hung_up = request.send().await.unwrap_err();
    assert!(hung_up.is_timeout(), "it was answered too soon: {hung_up}");
    wait_until("the plugin is used", || {
        let shown = env.ask(&["plugin", "show"], "")?;
        Ok(shown["active"]["is_default"] == false)
    })
    .unwrap();
    assert_eq!(
        env.ask(&["plugin", "show"], "").unwrap()["history"][0]["action"],
        "use-plugin"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_a_hundred_swaps_fail_no_request_and_lose_or_repeat_no_command() {
    let env = TestEnvironment::with(&RULE, "info").unwrap();
    let devices = swaps::fleet(&env, 4).unwrap();
    let seen = swaps::run(&env, &devices, &[CORPORATE, REFERENCE], 100, Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(seen.swapped.len(), 100);
    for (device, (id, resets)) in devices.iter().zip(sorted_as(&devices, seen.resets)) {
        assert!(resets > 0, "{id} was never reset");
        assert_eq!(
            device.show().unwrap()["agent_resets"],
            resets,
            "each reset of {id} was applied once"
        );
        assert!(device.opens_with(GOOD_PASSWORD).unwrap());
    }
    let log = env.host_log().unwrap();
    assert!(!log.contains("a plugin's call failed"), "{log}");
}

#[test]
fn an_operator_chooses_settings_with_a_plugin_and_changes_them_alone() {
    let env = TestEnvironment::with(&RULE, "info").unwrap();
    let folder = TempDir::new().unwrap();
    let file = written(&folder, "corporate.wasm", CORPORATE);
    let settings = |json: &str| {
        let file = written(&folder, "settings.json", json.as_bytes());
        file.to_str().unwrap().to_owned()
    };
    let (plugin, first) = (
        file.to_str().unwrap(),
        settings(r#"{"valid-for-hours": 1}"#),
    );
    let used = env
        .ask(&["plugin", "use", plugin, "--settings", &first], "")
        .unwrap();
    assert_eq!(used["active"]["settings"]["valid-for-hours"], 1);
    let large = format!(r#"{{"valid-for-hours": 2{}}}"#, " ".repeat(64 << 10));
    for (wrong, why) in [
        (r#"{"valid-for-hours": 0}"#, "/valid-for-hours: "),
        ("[]", "not a JSON object"),
        (large.as_str(), "and may have 65536"),
    ] {
        let file = settings(wrong);
        let refused = env.ask(&["plugin", "settings", &file], "").unwrap_err();
        assert!(refused.to_string().contains(why), "{refused:#}");
        let shown = env.ask(&["plugin", "show"], "").unwrap();
        assert_eq!(shown["active"]["settings"], used["active"]["settings"]);
    }
    let file = settings(&large);
    let refused = env.ask(&["plugin", "use", plugin, "--settings", &file], "");
    let refused = format!("{:#}", refused.unwrap_err());
    assert!(
        refused.contains("mdm-server plugin settings FILE"),
        "{refused}"
    );
    let second = settings(r#"{"valid-for-hours": 2}"#);
    let used = env.ask(&["plugin", "settings", &second], "").unwrap();
    assert_eq!(used["active"]["settings"]["valid-for-hours"], 2);
    assert_eq!(used["active"]["default_settings"]["valid-for-hours"], 24);
    assert_eq!(
        used["history"][0]["detail"],
        "settings: /valid-for-hours 1 → 2"
    );
}

fn sorted_as(devices: &[Device], mut resets: Vec<(String, usize)>) -> Vec<(String, usize)> {
    resets.sort_by_key(|(id, _)| devices.iter().position(|device| device.id == *id));
    resets
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_candidate_in_the_shadow_is_compared_on_live_calls_and_the_summary_is_printed() {
    let env = TestEnvironment::with(&RULE, "info").unwrap();
    let devices = swaps::fleet(&env, 1).unwrap();
    let folder = TempDir::new().unwrap();
    let file = written(&folder, "corporate.wasm", CORPORATE);
    let shadow = async {
        let (url, token) = (env.url(), env.folder().join("admin.token"));
        tokio::task::spawn_blocking(move || {
            Command::new(program("mdm-server").unwrap())
                .args(["plugin", "shadow", "--for", "2"])
                .arg(file)
                .env("MDM_URL", url)
                .env("MDM_TOKEN_FILE", token)
                .output()
                .unwrap()
        })
        .await
        .unwrap()
    };
    // The shadow begins once the candidate has passed the kit, which takes a busy machine some seconds.
    let mut shadow = std::pin::pin!(shadow);
    let output = loop {
        tokio::select! {
            output = &mut shadow => break output,
            seen = swaps::run(&env, &devices, &[], 0, Duration::from_secs(2)) => {
                assert!(!seen.unwrap().answered.is_empty());
            }
        }
    };
    let page = text(&output);
    assert!(output.status.success(), "{page}");
    let line = |function: &str| {
        let found = page.lines().find(|line| line.starts_with(function));
        let numbers = found
            .unwrap_or_else(|| panic!("no {function}: {page}"))
            .split_whitespace();
        numbers
            .skip(1)
            .map(|it| it.parse().unwrap())
            .collect::<Vec<u64>>()
    };
    let resets = line("reset ");
    assert!(
        resets[1] > 0,
        "the candidate gives every reset an expiry: {page}"
    );
    let statuses = line("status ");
    assert!(statuses[0] > 0 && statuses[1] == 0, "{page}");
    assert!(
        page.contains("candidate"),
        "the differences are printed: {page}"
    );
    assert!(!page.contains(GOOD_PASSWORD), "{page}");
}

#[test]
fn plugin_show_shows_a_shadow_that_runs() {
    let env = TestEnvironment::with(&RULE, "info").unwrap();
    let folder = TempDir::new().unwrap();
    let file = written(&folder, "corporate.wasm", CORPORATE);
    assert!(env.ask(&["plugin", "show"], "").unwrap()["shadow"].is_null());
    let mut shadow = Command::new(program("mdm-server").unwrap())
        .args(["plugin", "shadow", "--for", "600"])
        .arg(file)
        .env("MDM_URL", env.url())
        .env("MDM_TOKEN_FILE", env.folder().join("admin.token"))
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let digest = inspect(CORPORATE).unwrap().digest;
    wait_until("the candidate runs in the shadow", || {
        let shown = env.ask(&["plugin", "show"], "")?;
        Ok(shown["shadow"]["digest"] == digest.as_str())
    })
    .unwrap();
    let page = text(&env.admin(&["plugin", "show"], "").unwrap());
    let line = format!("shadow    sha256:{digest} since ");
    assert!(page.contains(&line), "{page}");
    assert!(
        page.contains("0 calls decided the same, 0 differently, 0 failed"),
        "{page}"
    );
    shadow.kill().unwrap();
    shadow.wait().unwrap();
}

/// A host on whose plugin a canary devices of the group `minefield` crash, and such a device.
fn canary_progress(serve_args: &[&str]) -> (TestEnvironment, Device) {
    let env = TestEnvironment::with(serve_args, "info").unwrap();
    let folder = TempDir::new().unwrap();
    let file = written(&folder, "crashes.wasm", &breaking(CRASHES));
    env.ask(&["plugin", "use", file.to_str().unwrap()], "")
        .unwrap();
    let make = Make {
        group: Some("minefield"),
        ..Make::default()
    };
    let phone = env.enroll(make).unwrap();
    (env, phone)
}

fn digest_of(component: &[u8]) -> String {
    mdm_password_host::inspect(component).unwrap().digest
}

#[test]
fn a_crash_that_is_a_canary_is_told_of_with_device_plugin_and_who_decided() {
    let (env, phone) = canary_progress(&[]);
    let reset = ["password", "reset", &phone.id, "--yes"];
    let made = env.ask(&reset, "1234").unwrap();
    let (failed, decided_by) = (digest_of(&breaking(CRASHES)), digest_of(REFERENCE));
    let notice = made["notice"].as_str().unwrap_or_default();
    assert!(
        notice.contains(&failed) && notice.contains(&decided_by),
        "{made}"
    );
    let log = env.host_log().unwrap();
    let tells = |line: &&str| {
        line.contains("WARN")
            && [&phone.id, &failed, &decided_by]
                .into_iter()
                .all(|it| line.contains(it.as_str()))
    };
    assert!(log.lines().any(|line| tells(&line)), "{log}");
    assert!(!log.contains("nothing was changed"), "{log}");
}

#[test]
fn an_operator_can_have_calls_refused_that_a_plugin_that_is_a_canary_fails() {
    let (env, phone) = canary_progress(&["--when-canary-fails", "refuse"]);
    let reset = ["password", "reset", &phone.id, "--yes"];
    let refused = env.refused(&reset, "1234").unwrap();
    assert_eq!(refused["type"], "plugin-crashed");
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.ends_with("nothing was changed"), "{detail}");
    let status = env.ask(&["password", "status", &phone.id], "").unwrap();
    assert_eq!(status["history"], serde_json::json!([]));
}

#[test]
fn a_host_starts_with_no_plugin_that_does_not_conform_unless_it_is_told_to() {
    let folder = TempDir::new().unwrap();
    let file = written(&folder, "wrong.wasm", &breaking(11));
    let file = file.to_str().unwrap();
    let error = match TestEnvironment::with(&["--plugin", file], "info") {
        Ok(_) => panic!("it started"),
        Err(error) => error.to_string(),
    };
    for says in [
        "did not start",
        "wrong.wasm",
        "of the conformance kit failed, first: a reset that names the pending command replaces it",
        "--unchecked-plugin",
    ] {
        assert!(error.contains(says), "no `{says}`: {error}");
    }
    TestEnvironment::with(&["--plugin", file, "--unchecked-plugin"], "info").unwrap();
}

#[test]
fn a_plugin_that_has_passed_once_is_not_checked_at_the_next_start() {
    let folder = TempDir::new().unwrap();
    let file = written(&folder, "corporate.wasm", CORPORATE);
    let args = ["--plugin", file.to_str().unwrap(), RULE[0], RULE[1]];
    let mut env = TestEnvironment::with(&args, "info").unwrap();
    let checks = |env: &TestEnvironment| {
        let log = env.host_log().unwrap();
        log.matches("checks the plugin against the contract")
            .count()
    };
    assert_eq!(checks(&env), 1);
    env.kill_host().unwrap();
    env.start_host().unwrap();
    assert_eq!(checks(&env), 1, "it has passed before");
    // A note that another host has written is ignored.
    env.kill_host().unwrap();
    let files = fs::read_dir(env.folder().join("data/compiled")).unwrap();
    let mut files = files.map(|file| file.unwrap().path());
    let note = files.find(|it| it.extension().is_some_and(|it| it == "passed"));
    fs::write(note.unwrap(), [0; 32]).unwrap();
    env.start_host().unwrap();
    assert_eq!(checks(&env), 2);
}
