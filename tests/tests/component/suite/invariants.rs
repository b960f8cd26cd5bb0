//! The invariants that a host enforces for every plugin: a test for each invariant of `wit/README.md`, by its name.

use crate::{
    plugins::{attempt, with_probe},
    test_host::{Agent, TestHost, admin, owner},
};
use mdm_contract::{Action, Command, Failure, ResetOptions, Status};
use mdm_server_core::{
    commands::{CommandTerms, PreviewQuery},
    error::ServerError,
};

/// A host on which the probe decides, and a device with a pending command.
async fn with_pending(groups: &[&str]) -> (TestHost, Agent, Command) {
    let fleet = with_probe().await;
    let agent = fleet.enroll_in(owner(), groups).await;
    let pending = fleet.reset(&agent, "1234").await.unwrap();
    (fleet, agent, pending)
}

/// The call failed because the plugin broke this invariant.
#[track_caller]
fn assert_broken<T: std::fmt::Debug>(answer: Result<T, ServerError>, invariant: &str, says: &str) {
    let error = answer.unwrap_err();
    let text = error.to_string();
    assert_eq!(error.kind(), "plugin-broke-contract", "{text}");
    assert!(text.contains(&format!("({invariant})")), "{text}");
    assert!(text.contains(says), "no `{says}`: {text}");
}

/// The device has its one command, which is pending and waits for it.
async fn assert_unchanged(fleet: &TestHost, agent: &Agent, pending: &Command) {
    let by = admin();
    let history = fleet
        .server
        .commands
        .history(&by, &agent.device)
        .await
        .unwrap();
    assert_eq!(history, std::slice::from_ref(pending));
    let delivered = fleet.sync(agent).await.commands;
    let delivered: Vec<_> = delivered.iter().map(|it| &it.id).collect();
    assert_eq!(delivered, [&pending.id]);
}

#[tokio::test]
async fn invariant_1_at_most_one_command_is_in_flight() {
    let (fleet, agent, pending) = with_pending(&[]).await;
    let name = "one command in flight";
    // It completes nothing; it sends two.
    for (which, says) in [
        ("leave-pending", "is pending"),
        ("send-twice", "2 commands"),
    ] {
        let answer = Err::<(), _>(attempt(&fleet, &agent, which).await);
        assert_broken(answer, name, says);
        assert_unchanged(&fleet, &agent, &pending).await;
    }
    let second = fleet.reset(&agent, "1234").await.unwrap();
    let replaced = fleet.command(&agent, &pending).await.status;
    let superseded = Failure::Superseded(second.id.clone());
    assert_eq!(replaced, Status::Failed(superseded), "and then it may");
    assert_eq!(fleet.sync(&agent).await.commands[0].id, second.id);
}

#[tokio::test]
async fn invariant_2_a_command_gets_one_outcome() {
    let (fleet, agent, pending) = with_pending(&[]).await;
    for (which, says) in [
        ("complete-sent-command", "the same call sent"),
        ("complete-pending-twice", "a second time"),
        ("keep-late-of-pending", "which is pending"),
    ] {
        let answer = Err::<(), _>(attempt(&fleet, &agent, which).await);
        assert_broken(answer, "one outcome", says);
        assert_unchanged(&fleet, &agent, &pending).await;
    }
}

#[tokio::test]
async fn invariant_3_effects_name_only_this_devices_commands() {
    let (fleet, agent, pending) = with_pending(&[]).await;
    for (which, says) in [
        (
            "complete-foreign-command",
            "completed somebody-elses-command",
        ),
        (
            "override-by-foreign-command",
            "overrode the policy by somebody-elses-command",
        ),
        (
            "keep-late-of-foreign-command",
            "kept an outcome of somebody-elses-command",
        ),
    ] {
        let answer = Err::<(), _>(attempt(&fleet, &agent, which).await);
        assert_broken(answer, "its own device", says);
        assert_unchanged(&fleet, &agent, &pending).await;
    }
}

#[tokio::test]
async fn invariant_4_a_secret_travels_with_every_reset_and_with_nothing_else() {
    let (fleet, agent, pending) = with_pending(&[]).await;
    for (which, says) in [
        ("send-without-secret", "sent a reset without a secret"),
        ("send-remove-with-secret", "sent a remove with a secret"),
    ] {
        let answer = Err::<(), _>(attempt(&fleet, &agent, which).await);
        assert_broken(answer, "a secret with every reset", says);
        assert_unchanged(&fleet, &agent, &pending).await;
    }
}

#[tokio::test]
async fn invariant_5_an_expiry_lies_in_the_calendar_and_in_the_future() {
    let (fleet, agent, pending) = with_pending(&[]).await;
    for (which, says) in [
        ("expire-after-calendar", "past the calendar's end"),
        ("expire-in-past", "is over already"),
    ] {
        let answer = Err::<(), _>(attempt(&fleet, &agent, which).await);
        assert_broken(answer, "an expiry in the future", says);
        assert_unchanged(&fleet, &agent, &pending).await;
    }
}

#[tokio::test]
async fn invariant_6_texts_are_bounded() {
    let (fleet, agent, pending) = with_pending(&[]).await;
    for (which, says) in [
        ("complete-with-long-text", "1025 bytes"),
        ("refuse-with-long-text", "1025 bytes"),
        ("refuse-with-many-faults", "a list of 65"),
    ] {
        let answer = Err::<(), _>(attempt(&fleet, &agent, which).await);
        assert_broken(answer, "bounded texts", says);
        assert_unchanged(&fleet, &agent, &pending).await;
    }
}

#[tokio::test]
async fn invariant_7_a_call_sends_what_was_asked_for_and_names_it() {
    let (fleet, agent, pending) = with_pending(&["send-in-cancel"]).await;
    let name = "as requested";
    for (which, says) in [
        ("return-unsent-id", "which it had not sent"),
        ("send-remove", "sent a remove in a call of reset"),
    ] {
        let answer = Err::<(), _>(attempt(&fleet, &agent, which).await);
        assert_broken(answer, name, says);
        assert_unchanged(&fleet, &agent, &pending).await;
    }
    let (by, device) = (admin(), &agent.device);
    let answer = fleet.server.commands.cancel(&by, device, &pending.id).await;
    assert_broken(answer, name, "sent a remove in a call of cancel");
    assert_unchanged(&fleet, &agent, &pending).await;
}

#[tokio::test]
async fn invariant_8_a_question_changes_nothing() {
    let (fleet, agent, pending) = with_pending(&["complete-in-query"]).await;
    let (by, device) = (admin(), &agent.device);
    let request = PreviewQuery {
        action: Action::Remove,
        password: None,
        options: ResetOptions::default(),
        terms: CommandTerms::default(),
        reason: None,
    };
    let preview = fleet.server.commands.preview(&by, device, request).await;
    assert_broken(preview, "no effects of a query", "preview");
    let status = fleet.server.commands.status(&by, device).await;
    assert_broken(status, "no effects of a query", "status");
    assert_unchanged(&fleet, &agent, &pending).await;
}

#[tokio::test]
async fn a_broken_invariant_is_the_plugins_fault() {
    let fleet = with_probe().await;
    let mut agents = Vec::new();
    for _ in 0..3 {
        let agent = fleet.enroll(owner()).await;
        fleet.reset(&agent, "1234").await.unwrap();
        agents.push(agent);
    }
    for agent in agents.iter().cycle().take(10) {
        attempt(&fleet, agent, "leave-pending").await;
    }
    let health = fleet.server.plugins.deployments().0.active.plugin.health();
    assert_eq!(health.failures["plugin-broke-contract"], 10);
    assert_eq!(health.open_breakers, ["reset"]);
    let counted = fleet.server.health.metrics_text().await.unwrap();
    let line = r#"mdm_plugin_invariants_broken_total{invariant="one-in-flight"} 10"#;
    assert!(counted.contains(line), "{counted}");
}
