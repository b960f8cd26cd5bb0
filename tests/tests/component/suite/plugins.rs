//! Plugins that the host refuses to load, and plugins that misbehave: a bad plugin harms its own call, and nothing
//! else.

use crate::{
    calls::Host,
    forms::User,
    test_host::{Agent, TestHost, admin, owner, refusal, small},
};
use mdm_agent_protocol::sync::Report;
use mdm_contract::{
    Action, DeviceFailure, DeviceOutcome, PasswordRule, Policy, Quality, Refusal, Requirement,
    ResetOptions, Status,
};
use mdm_password_component::REFERENCE;
use mdm_password_host::{Artifacts, Limits, LoadError, PluginError, Runtime};
use mdm_server_core::{
    commands::{CommandTerms, PreviewQuery},
    error::ServerError,
};
use mdm_tests::plugins::{FUNCTIONS, PROBE, exporting, probe_named, starting};
use std::{
    fs,
    time::{Duration, Instant},
};
use tempfile::TempDir;

fn load(bytes: &[u8]) -> Result<(), LoadError> {
    Runtime::new(small()).unwrap().load(bytes, None).map(|_| ())
}

fn load_text(text: &str) -> LoadError {
    load(&wat::parse_str(text).unwrap()).unwrap_err()
}

#[test]
fn what_is_no_component_is_refused() {
    assert!(matches!(load(b"#!/bin/sh"), Err(LoadError::NotWasm)));
    assert!(matches!(load(b""), Err(LoadError::NotWasm)));
    let module = wat::parse_str("(module)").unwrap();
    assert!(matches!(load(&module), Err(LoadError::CoreModule)));
    let truncated = &REFERENCE[..REFERENCE.len() / 2];
    assert!(matches!(load(truncated), Err(LoadError::Broken(_))));
}

#[test]
fn a_component_that_lacks_a_function_of_the_contract_is_refused_and_the_function_is_named() {
    assert!(matches!(
        load_text("(component)"),
        LoadError::MissingInterface(_)
    ));
    let most: Vec<&str> = FUNCTIONS.into_iter().filter(|it| *it != "report").collect();
    let error = load_text(&exporting("mdm:password/password@1.0.0", &most));
    assert!(
        error
            .to_string()
            .contains("mdm:password/password@1.0.0 lacks report"),
        "{error}"
    );
    let error = load_text(&exporting("mdm:password/password@1.0.0", &["status"]));
    assert!(
        error
            .to_string()
            .contains("lacks reset, remove, preview, policy-override"),
        "{error}"
    );
}

#[test]
fn a_component_with_other_types_or_for_another_version_is_refused() {
    let error = load_text(&exporting("mdm:password/password@1.0.0", &FUNCTIONS));
    assert!(matches!(error, LoadError::OtherTypes(_)), "{error}");
    let error = load_text(&exporting("mdm:password/password@2.0.0", &FUNCTIONS));
    assert!(
        matches!(&error, LoadError::OtherVersion { found, .. } if found.contains("2.0.0")),
        "{error}"
    );
}

#[test]
fn a_component_with_imports_that_are_not_granted_is_refused_and_they_are_named() {
    let error = load_text(
        r#"(component
            (import "wasi:filesystem/preopens@0.2.6" (instance))
            (import "wasi:clocks/wall-clock@0.2.6" (instance))
            (import "wasi:cli/exit@0.2.6" (instance))
            (import "wasi:sockets/network@0.2.6" (instance)))"#,
    );
    let text = error.to_string();
    assert!(
        text.contains(
            "wasi:filesystem/preopens@0.2.6 (read and write files), \
             wasi:cli/exit@0.2.6 (end the host's process), \
             wasi:sockets/network@0.2.6 (use the network)"
        ),
        "{text}"
    );
    assert!(!text.contains("wall-clock"), "{text}");
}

#[test]
fn the_reference_plugin_imports_the_contract_and_nothing_else() {
    let engine = wasmtime::Engine::default();
    let component = wasmtime::component::Component::new(&engine, REFERENCE).unwrap();
    let component_type = component.component_type();
    let mut imports: Vec<_> = component_type
        .imports(&engine)
        .map(|(name, _)| name)
        .collect();
    imports.sort_unstable();
    assert_eq!(
        imports,
        [
            "mdm:password/device-store@1.0.0",
            "mdm:password/secrets@1.0.0",
            "mdm:password/transport@1.0.0",
            "mdm:password/types@1.0.0",
        ]
    );
}

#[test]
fn a_component_that_breaks_a_limit_before_its_first_call_is_refused_and_the_limit_is_named() {
    for (harm, says) in [
        (
            "(drop (table.grow (ref.null func) (i32.const 1000000)))",
            "100000 elements in a table",
        ),
        ("(loop (br 0))", "ran longer than"),
    ] {
        let error = load_text(&starting("mdm:password/password@1.0.0", &FUNCTIONS, harm));
        assert!(matches!(error, LoadError::DoesNotStart(_)), "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn a_plugin_that_describes_itself_with_control_characters_is_refused() {
    assert!(load(&probe_named(b"the-friendly-one")).is_ok());
    let error = load(&probe_named(b"the-p\x1b[2J-plugin")).unwrap_err();
    assert!(
        matches!(error, LoadError::BadDescription { field: "name", .. }),
        "{error}"
    );
}

#[test]
fn settings_that_are_malformed_or_refused_are_an_error_and_change_nothing() {
    let plugin = Runtime::new(small()).unwrap().load(PROBE, None).unwrap();
    let too_large = format!(r#"{{"a": "{}"}}"#, "x".repeat(64 << 10));
    for (settings, says) in [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        (too_large.as_str(), "may have 65536"),
        (
            r#"{"attempt": "refuse"}"#,
            "/attempt: \u{1b}[2J is no attempt",
        ),
        (r#"{"attempt": "panic"}"#, "crashed"),
        (r#"{"attempt": "spin"}"#, "ran longer than 50 ms"),
        (
            r#"{"attempt": "read-situation"}"#,
            "needs a device in a call without one",
        ),
        (
            r#"{"attempt": "return-long-text"}"#,
            "2000 bytes in its own words",
        ),
        (r#"{"attempt": "return-many-faults"}"#, "a list of 100"),
    ] {
        let refused = plugin.with_settings(settings).map(|_| ()).unwrap_err();
        assert!(refused.to_string().contains(says), "{settings}: {refused}");
        assert_eq!(plugin.settings(), "{}");
    }
    let chosen = plugin.with_settings(r#"{"attempt": "none"}"#).unwrap();
    assert_eq!(chosen.settings(), r#"{"attempt": "none"}"#);
}

pub(crate) async fn with_probe() -> TestHost {
    // Long enough that even on a busy machine only an endless loop exceeds it.
    let limits = Limits {
        time: Duration::from_millis(500),
        ..small()
    };
    let plugin = Runtime::new(limits).unwrap().load(PROBE, None).unwrap();
    TestHost::with_plugin(PasswordRule::default(), plugin).await
}

/// Requests a reset whose reason tells the probe what to attempt. Returns the failure.
pub(crate) async fn attempt(fleet: &TestHost, agent: &Agent, which: &str) -> ServerError {
    fleet.reset_because(agent, "1234", which).await.unwrap_err()
}

async fn assert_unharmed(fleet: &TestHost, agent: &Agent, which: &str) {
    let (status, history) = fleet
        .server
        .commands
        .status(&admin(), &agent.device)
        .await
        .unwrap();
    assert!(
        status.latest.is_none() && history.is_empty(),
        "attempt {which} left a command"
    );
    assert!(
        fleet.sync(agent).await.commands.is_empty(),
        "attempt {which} left a delivery"
    );
}

#[tokio::test]
async fn law_3_a_call_that_traps_or_breaks_a_limit_or_the_contract_changes_nothing() {
    let fleet = with_probe().await;
    let agent = fleet.enroll(owner()).await;
    for (which, says) in [
        ("spin", "ran longer than 500 ms"),
        ("exhaust-memory", "more than 64 MiB"),
        ("panic", "crashed"),
        ("exhaust-own-stack", "crashed"),
        (
            "complete-foreign-command",
            "completed somebody-elses-command, which is no command of this call's device",
        ),
        ("complete-sent-command", "which the same call sent"),
        ("send-without-secret", "sent a reset without a secret"),
        ("send-without-end", "more than 16 changes"),
        (
            "override-by-foreign-command",
            "overrode the policy by somebody-elses-command",
        ),
        ("guess-without-end", "ran longer than 500 ms"),
        ("return-megabytes", "handed over more than 256 KiB"),
        ("complete-with-megabytes", "handed over more than 256 KiB"),
        ("return-many-elements", "handed over more than 256 KiB"),
        ("expire-after-calendar", "past the calendar's end"),
        (
            "return-unsent-id",
            "a-command-that-was-never-sent, which it had not sent",
        ),
        ("complete-with-long-text", "1025 bytes in its own words"),
        ("expire-in-past", "which is over already"),
        ("drop-handle-twice", "crashed"),
        ("return-four-gibibytes", "length out of bounds"),
        ("exhaust-stack", "more than 512 KiB of stack"),
        ("read-without-end", "ran longer than 500 ms"),
        ("complete-long-id", "xxx…"),
        ("log-megabyte", "handed over more than 256 KiB"),
    ] {
        let error = attempt(&fleet, &agent, which).await;
        assert!(matches!(error, ServerError::Plugin(_)), "{which}: {error}");
        assert!(error.to_string().contains(says), "{which}: {error}");
        assert_unharmed(&fleet, &agent, which).await;
    }
    assert!(
        fleet.reset(&agent, "1234").await.is_ok(),
        "the next call succeeds"
    );
}

#[tokio::test]
async fn the_page_of_the_plugin_shows_its_description_and_its_messages_without_control_characters()
{
    let host = Host::of(with_probe().await).await;
    let reset = host
        .fleet
        .reset_because(&host.agent, "1234", "log-ten-thousand");
    reset.await.unwrap();
    attempt(&host.fleet, &host.agent, "log-and-panic").await;
    let page = User::new(&host, "ada").await.opens("/plugin").await.text;
    for shown in [
        "the-probe-plugin",
        "tries to break the promises of a host",
        "about to panic",
        r"message 0 \u{1b}[31m",
        r"message 15 \u{1b}[31m",
        &host.agent.device,
    ] {
        assert!(page.contains(shown), "no `{shown}`: {page}");
    }
    assert!(!page.contains("message 16 ") && !page.contains('\u{1b}'));
}

#[tokio::test]
async fn a_time_past_the_calendars_end_breaks_the_contract_in_every_result_of_a_plugin() {
    let fleet = with_probe().await;
    let agent = fleet
        .enroll_in(owner(), &["return-time-after-calendar"])
        .await;
    let request = PreviewQuery {
        action: Action::Remove,
        password: None,
        options: ResetOptions::default(),
        terms: CommandTerms::default(),
        reason: None,
    };
    let preview = fleet
        .server
        .commands
        .preview(&admin(), &agent.device, request)
        .await;
    let status = fleet.server.commands.status(&admin(), &agent.device).await;
    for told in [preview.map(|_| ()), status.map(|_| ())] {
        let error = told.unwrap_err().to_string();
        assert!(error.contains("past the calendar's end"), "{error}");
    }
}

#[tokio::test]
async fn law_3_a_call_that_refuses_after_it_has_sent_changes_nothing() {
    let fleet = with_probe().await;
    let agent = fleet.enroll(owner()).await;
    let refused = Err::<(), _>(attempt(&fleet, &agent, "refuse-after-send").await);
    assert_eq!(
        refusal(refused),
        Refusal::Other("changed its mind after sending".into())
    );
    assert_unharmed(&fleet, &agent, "refuse-after-send").await;
}

#[tokio::test]
async fn law_2_a_plugin_keeps_nothing_from_one_call_to_the_next() {
    let fleet = with_probe().await;
    let agent = fleet.enroll(owner()).await;
    for _ in 0..3 {
        for (which, says) in [
            ("count-calls", "this instance was called 0 times before"),
            ("keep-handle", "nothing was kept"),
        ] {
            let refused = refusal(Err::<(), _>(attempt(&fleet, &agent, which).await));
            assert_eq!(refused, Refusal::Other(says.into()));
        }
    }
}

#[tokio::test]
async fn law_5_a_password_is_nowhere_in_a_plugins_memory_whatever_it_calls() {
    let fleet = with_probe().await;
    let spied = async |agent: &Agent, password: &str| {
        refusal(fleet.reset_because(agent, password, "search-memory").await)
    };
    let found = |after: &str| Refusal::Other(format!("found after [{after}]"));
    let agent = fleet.enroll(owner()).await;
    assert_eq!(spied(&agent, "cAnArY7zebra").await, found(""));
    // The search works: it finds the same text as the name of a group.
    let known = fleet.enroll_in(owner(), &["cAnArY7zebra"]).await;
    let handed = found("\"device-store.get-situation\"");
    assert_eq!(spied(&known, "1234").await, handed);
    // The next call reuses the pooled memory of the last one, and finds nothing in it.
    assert_eq!(spied(&agent, "1234").await, found(""));
}

#[tokio::test]
async fn law_7_a_plugin_that_runs_out_of_time_is_stopped_soon_and_blocks_nobody_else() {
    let fleet = with_probe().await;
    let [slow, also_slow, other] = three(&fleet).await;
    let start = Instant::now();
    // Concurrent calls have one clock, and each has its own time.
    let (one, two, ok) = tokio::join!(
        attempt(&fleet, &slow, "spin"),
        attempt(&fleet, &also_slow, "spin"),
        fleet.reset(&other, "1234")
    );
    for stopped in [one, two] {
        assert!(matches!(
            stopped,
            ServerError::Plugin(PluginError::TooSlow(_))
        ));
    }
    assert!(ok.is_ok());
    assert!(
        start.elapsed().as_secs() < 5,
        "an endless loop was not stopped"
    );
}

#[test]
fn a_compiled_plugin_is_cached_and_an_altered_one_or_that_of_another_host_is_compiled_again() {
    let folder = TempDir::new().unwrap();
    let runtime = Runtime::new(small()).unwrap();
    let kept = |key| Artifacts::open(folder.path(), key).unwrap();
    let file = || {
        fs::read_dir(folder.path())
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path()
    };
    runtime.load(REFERENCE, Some(&kept([1; 32]))).unwrap();
    let made = fs::read(file()).unwrap();

    runtime.load(REFERENCE, Some(&kept([1; 32]))).unwrap();
    assert_eq!(
        fs::read(file()).unwrap(),
        made,
        "it was there, and was used as it was"
    );

    let mut altered = made.clone();
    let middle = altered.len() / 2;
    altered[middle] ^= 1;
    fs::write(file(), &altered).unwrap();
    runtime.load(REFERENCE, Some(&kept([1; 32]))).unwrap();
    assert_eq!(
        fs::read(file()).unwrap(),
        made,
        "the altered one was replaced"
    );

    runtime.load(REFERENCE, Some(&kept([2; 32]))).unwrap();
    assert_ne!(
        fs::read(file()).unwrap(),
        made,
        "another host has made its own"
    );
}

#[tokio::test]
async fn a_function_that_keeps_failing_has_its_breaker_opened_and_further_calls_fail_at_once() {
    let fleet = with_probe().await;
    let agents = three(&fleet).await;
    for agent in agents.iter().cycle().take(10) {
        let error = attempt(&fleet, agent, "panic").await;
        assert!(error.to_string().contains("crashed"), "{error}");
    }
    let start = Instant::now();
    for agent in agents.iter().cycle().take(100) {
        let error = attempt(&fleet, agent, "spin").await;
        assert!(
            matches!(error, ServerError::Plugin(PluginError::BreakerOpen(_))),
            "the open breaker let a call through: {error}"
        );
    }
    assert!(start.elapsed() < Duration::from_secs(5));
    let health = fleet.server.plugins.deployments().0.active.plugin.health();
    assert_eq!(health.open_breakers, ["reset"], "and no other function");
    assert_eq!(health.failures["plugin-crashed"], 10);
    for agent in &agents {
        assert_unharmed(&fleet, agent, "panic").await;
    }
}

#[tokio::test]
async fn law_7_a_function_that_fails_for_one_device_works_for_all_the_others() {
    let fleet = with_probe().await;
    let (bad, good) = (fleet.enroll(owner()).await, fleet.enroll(owner()).await);
    for _ in 0..30 {
        let error = attempt(&fleet, &bad, "panic").await;
        assert!(error.to_string().contains("crashed"), "{error}");
    }
    fleet.reset(&good, "1234").await.unwrap();
}

#[tokio::test]
async fn law_7_the_text_of_a_failure_is_cut_and_other_oversized_reports_are_refused() {
    let fleet = TestHost::new().await;
    let mut agent = fleet.enroll(owner()).await;
    let reset = fleet.reset(&agent, "1234").await.unwrap();
    let story = DeviceOutcome::Failed(DeviceFailure::Other("ä".repeat(100_000)));
    fleet.report(&agent, &reset, story.clone()).await;
    fleet.report(&agent, &reset, story).await;
    let Status::Failed(failure) = fleet.command(&agent, &reset).await.status else {
        panic!("its outcome was lost");
    };
    assert_eq!(failure.text().unwrap().len(), DeviceFailure::MAX_TEXT_BYTES);

    let report = Report {
        command: reset.id,
        outcome: DeviceOutcome::Success,
    };
    let too_many = fleet.try_sync(&agent, vec![report; 101]).await;
    assert!(too_many.unwrap_err().to_string().contains("100 reports"));
    agent.device_info.agent_version = "6.9.0".repeat(100);
    let too_long = fleet.try_sync(&agent, vec![]).await;
    assert!(too_long.unwrap_err().to_string().contains("64 bytes"));
}

#[tokio::test]
async fn a_plugin_that_fails_in_policy_override_does_not_delay_the_delivery_of_commands() {
    let fleet = with_probe().await;
    let agent = fleet
        .enroll_in(owner(), &["panic-in-policy-override"])
        .await;
    let policy = Policy {
        requirement: Requirement::Quality(Quality::Numeric),
        minimum_length: 6,
    };
    fleet.apply_policy(&agent, &policy).await;
    let reset = fleet.reset(&agent, "1234").await.unwrap();
    let news = fleet.sync(&agent).await;
    assert_eq!(news.commands[0].id, reset.id);
    assert_eq!(news.policy, None, "the agent keeps the policy that it has");
}

async fn three(fleet: &TestHost) -> [Agent; 3] {
    [
        fleet.enroll(owner()).await,
        fleet.enroll(owner()).await,
        fleet.enroll(owner()).await,
    ]
}
