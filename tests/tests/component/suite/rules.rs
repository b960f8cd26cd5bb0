//! Each of the twelve rules of the feature, through the component.

use crate::test_host::{TestHost, admin, owner, refusal};
use mdm_agent_protocol::{sealing::SealingError, sync::DeviceInfo};
use mdm_contract::{
    Action, AgentTooOld, Characters, DeviceFailure, DeviceOutcome, Failure, ManagementMode, Note,
    PasswordFault, PasswordRule, Policy, PolicyState, Quality, Refusal, Remedy, Requirement,
    ResetOptions, Status, TokenState, Verdict, Wait, time,
};
use mdm_server_core::{
    commands::{CommandTerms, PreviewQuery},
    error::ServerError,
};
use std::{sync::Arc, time::Duration};

const LOCKED: DeviceOutcome = DeviceOutcome::Failed(DeviceFailure::UserLocked);

fn strict() -> Policy {
    Policy {
        requirement: Requirement::Quality(Quality::Complex),
        minimum_length: 8,
    }
}

fn legacy() -> DeviceInfo {
    let mut told = owner();
    told.api_level = 25;
    told.management_mode = ManagementMode::DeviceAdmin;
    told.condition.password_set = true;
    told
}

fn failed(failure: Failure) -> Status {
    Status::Failed(failure)
}

#[tokio::test]
async fn rule_1_a_password_is_exactly_four_digits_unless_the_deployment_says_otherwise() {
    let fleet = TestHost::new().await;
    let agent = fleet.enroll(owner()).await;
    for (text, faults) in [
        ("123", vec![PasswordFault::TooShort(4)]),
        ("12345", vec![PasswordFault::TooLong(4)]),
        ("12a4", vec![PasswordFault::NotOnlyDigits]),
        ("", vec![PasswordFault::TooShort(4)]),
    ] {
        let refused = refusal(fleet.reset(&agent, text).await);
        assert_eq!(refused, Refusal::PasswordRefused(faults), "{text}");
    }
    assert_eq!(
        fleet.reset(&agent, "1234").await.unwrap().status,
        Status::Pending
    );

    let rule = PasswordRule {
        characters: Characters::Alphanumeric,
        minimum_length: 8,
        maximum_length: 16,
    };
    let fleet = TestHost::with_rule(rule.clone()).await;
    let agent = fleet.enroll(owner()).await;
    let faults = vec![PasswordFault::TooShort(8), PasswordFault::NeedsLetter];
    assert_eq!(
        refusal(fleet.reset(&agent, "1234").await),
        Refusal::PasswordRefused(faults)
    );
    assert!(fleet.reset(&agent, "correct7horse").await.is_ok());
    let (status, _) = fleet
        .server
        .commands
        .status(&admin(), &agent.device)
        .await
        .unwrap();
    assert_eq!(
        status.password_rule, rule,
        "it is shown before the admin types"
    );
}

#[tokio::test]
async fn rule_2_a_command_is_pending_until_the_device_reports_and_then_completed_for_ever() {
    let fleet = TestHost::new().await;
    let agent = fleet.enroll(owner()).await;
    let reset = fleet.reset(&agent, "1234").await.unwrap();
    let fleet = fleet.restarted().await;
    assert_eq!(fleet.command(&agent, &reset).await.status, Status::Pending);
    let commands = fleet.sync(&agent).await.commands;
    assert_eq!(commands.len(), 1);
    assert_eq!(agent.open(&commands[0]), "1234");
    assert_eq!(
        fleet.sync(&agent).await.commands.len(),
        1,
        "it is delivered until it is completed"
    );

    fleet.report(&agent, &reset, DeviceOutcome::Success).await;
    let fleet = fleet.restarted().await;
    let completed = fleet.command(&agent, &reset).await;
    assert_eq!(completed.status, Status::Success);
    assert!(fleet.sync(&agent).await.commands.is_empty());

    fleet.report(&agent, &reset, DeviceOutcome::Success).await;
    assert_eq!(
        fleet.command(&agent, &reset).await,
        completed,
        "the same report changes nothing"
    );
    fleet.report(&agent, &reset, LOCKED).await;
    assert_eq!(
        fleet.command(&agent, &reset).await.status,
        Status::Success,
        "once and for ever"
    );
}

#[tokio::test]
async fn rule_3_an_agent_below_6_9_0_is_refused_with_both_versions_and_no_command_is_made() {
    let fleet = TestHost::new().await;
    let agent = fleet
        .enroll(DeviceInfo {
            agent_version: "6.8.9".into(),
            ..owner()
        })
        .await;
    fleet.apply_policy(&agent, &strict()).await;
    let too_old = Refusal::AgentTooOld(AgentTooOld {
        agent_version: "6.8.9".into(),
        required_version: "6.9.0".into(),
    });
    assert_eq!(refusal(fleet.reset(&agent, "1234").await), too_old);
    assert_eq!(refusal(fleet.remove(&agent).await), too_old);
    let (status, history) = fleet
        .server
        .commands
        .status(&admin(), &agent.device)
        .await
        .unwrap();
    assert!(status.latest.is_none() && history.is_empty());

    let mut updated = agent;
    updated.device_info.agent_version = "6.9.0".into();
    fleet.sync(&updated).await;
    assert!(
        fleet.reset(&updated, "1234").await.is_ok(),
        "after an update it is accepted"
    );
}

#[tokio::test]
async fn rule_4_elsewhere_than_on_a_device_owner_it_is_best_effort_and_the_admin_is_told_before() {
    let fleet = TestHost::new().await;
    let best = fleet.enroll(owner()).await;
    assert_eq!(fleet.preview(&best, Action::Reset).await.notes, []);
    let legacy = fleet.enroll(legacy()).await;
    assert!(
        fleet
            .preview(&legacy, Action::Reset)
            .await
            .notes
            .contains(&Note::BestEffort)
    );
    let profile = DeviceInfo {
        management_mode: ManagementMode::ProfileOwner,
        managed_profile: true,
        ..owner()
    };
    let profile = fleet.enroll(profile).await;
    let notes = fleet.preview(&profile, Action::Reset).await.notes;
    assert!(notes.contains(&Note::BestEffort) && notes.contains(&Note::WorkProfileOnly));
    assert!(
        fleet.reset(&legacy, "1234").await.is_ok(),
        "it is tried all the same"
    );
}

#[tokio::test]
async fn rule_5_a_password_of_the_user_that_may_not_be_replaced_is_the_reason_of_the_failure() {
    let fleet = TestHost::new().await;
    let may_replace = fleet.enroll(owner()).await;
    let mut without = legacy();
    without.condition.password_set = false;
    let without = fleet.enroll(without).await;
    for agent in [&may_replace, &without] {
        let verdict = fleet.preview(agent, Action::Reset).await.verdict;
        let waits = matches!(verdict, Verdict::WillWait(Wait::DeviceOffline(_)));
        assert!(waits, "it can be replaced: {verdict:?}");
    }
    let agent = fleet.enroll(legacy()).await;
    fleet.apply_policy(&agent, &strict()).await;
    let reason = DeviceFailure::ExistingPassword;
    let verdict = fleet.preview(&agent, Action::Reset).await.verdict;
    assert_eq!(verdict, Verdict::WillFail(reason.clone()));
    let reset = fleet.reset(&agent, "1234").await.unwrap();
    fleet
        .report(&agent, &reset, DeviceOutcome::Failed(reason.clone()))
        .await;
    assert_eq!(
        fleet.command(&agent, &reset).await.status,
        failed(reason.into())
    );
    let (status, _) = fleet
        .server
        .commands
        .status(&admin(), &agent.device)
        .await
        .unwrap();
    assert!(
        matches!(status.policy_state, PolicyState::Enforced),
        "{:?}",
        status.policy_state
    );
    assert_eq!(fleet.sync(&agent).await.commands, [], "the command is over");
}

#[tokio::test]
async fn rule_6_from_the_success_of_a_reset_the_policy_is_overridden_and_no_longer_pushed() {
    let fleet = TestHost::new().await;
    let agent = fleet.enroll(owner()).await;
    fleet.apply_policy(&agent, &strict()).await;
    assert_eq!(fleet.sync(&agent).await.policy, Some(strict()));

    let reset = fleet.reset(&agent, "1234").await.unwrap();
    assert_eq!(
        fleet.sync(&agent).await.policy,
        Some(strict()),
        "a pending reset changes nothing"
    );
    fleet.report(&agent, &reset, LOCKED).await;
    assert_eq!(
        fleet.sync(&agent).await.policy,
        Some(strict()),
        "nor does a failed one"
    );

    let reset = fleet.reset(&agent, "1234").await.unwrap();
    fleet.report(&agent, &reset, DeviceOutcome::Success).await;
    assert_eq!(fleet.sync(&agent).await.policy, None);
    let (status, _) = fleet
        .server
        .commands
        .status(&admin(), &agent.device)
        .await
        .unwrap();
    assert!(matches!(status.policy_state, PolicyState::Overridden(by) if by.command == reset.id));

    fleet.apply_policy(&agent, &strict()).await;
    assert_eq!(
        fleet.sync(&agent).await.policy,
        None,
        "a policy that is applied now has to wait"
    );
}

#[tokio::test]
async fn rule_7_a_remove_is_accepted_only_after_a_reset_or_with_a_policy() {
    let fleet = TestHost::new().await;
    let agent = fleet.enroll(owner()).await;
    let is_offered = async || {
        fleet
            .server
            .commands
            .status(&admin(), &agent.device)
            .await
            .unwrap()
            .0
            .remove_offered
    };
    assert!(!is_offered().await);
    assert_eq!(
        refusal(fleet.remove(&agent).await),
        Refusal::NothingToRemove
    );

    let reset = fleet.reset(&agent, "1234").await.unwrap();
    fleet.report(&agent, &reset, DeviceOutcome::Success).await;
    assert!(is_offered().await);
    let remove = fleet.remove(&agent).await.unwrap();
    fleet.report(&agent, &remove, DeviceOutcome::Success).await;
    assert_eq!(
        refusal(fleet.remove(&agent).await),
        Refusal::NothingToRemove
    );

    fleet.apply_policy(&agent, &strict()).await;
    assert!(is_offered().await);
    assert!(fleet.remove(&agent).await.is_ok());
}

#[tokio::test]
async fn rule_8_the_success_of_a_remove_ends_the_override_and_the_policy_is_pushed_again() {
    let fleet = TestHost::new().await;
    let agent = fleet.enroll(owner()).await;
    fleet.apply_policy(&agent, &strict()).await;
    let reset = fleet.reset(&agent, "1234").await.unwrap();
    fleet.report(&agent, &reset, DeviceOutcome::Success).await;

    let remove = fleet.remove(&agent).await.unwrap();
    assert_eq!(agent.open(&fleet.sync(&agent).await.commands[0]), "");
    fleet.report(&agent, &remove, LOCKED).await;
    assert_eq!(
        fleet.sync(&agent).await.policy,
        None,
        "a failed remove changes nothing"
    );

    let remove = fleet.remove(&agent).await.unwrap();
    fleet.report(&agent, &remove, DeviceOutcome::Success).await;
    assert_eq!(fleet.sync(&agent).await.policy, Some(strict()));
    let (status, _) = fleet
        .server
        .commands
        .status(&admin(), &agent.device)
        .await
        .unwrap();
    assert_eq!(status.policy_state, PolicyState::Enforced);
}

#[tokio::test]
async fn rule_9_a_device_shows_its_last_command_with_time_and_reason_and_its_history() {
    let fleet = TestHost::new().await;
    let agent = fleet.enroll(owner()).await;
    let (status, history) = fleet
        .server
        .commands
        .status(&admin(), &agent.device)
        .await
        .unwrap();
    assert!(status.latest.is_none() && history.is_empty());

    let before = time::now();
    let first = fleet.reset(&agent, "1234").await.unwrap();
    fleet.report(&agent, &first, LOCKED).await;
    let second = fleet.reset(&agent, "4321").await.unwrap();
    let (status, history) = fleet
        .server
        .commands
        .status(&admin(), &agent.device)
        .await
        .unwrap();
    let latest = status.latest.unwrap();
    assert_eq!(
        (latest.id, latest.status),
        (second.id.clone(), Status::Pending)
    );
    assert!(latest.requested_at >= before);
    let ids: Vec<_> = history.iter().map(|entry| &entry.id).collect();
    assert_eq!(ids, [&second.id, &first.id], "latest first");
    assert_eq!(history[1].status, failed(DeviceFailure::UserLocked.into()));
    assert!(history[1].completed_at.unwrap() >= history[1].requested_at);
}

#[tokio::test]
async fn rule_10_options_and_validity_travel_with_the_command_and_are_bound_to_its_password() {
    let fleet = TestHost::new().await;
    let agent = fleet.enroll(owner()).await;
    let options = ResetOptions::every();
    let terms = CommandTerms {
        replaces: None,
        valid_for: Some(3600),
    };
    let reset = fleet
        .reset_on(&agent, "1234", options, terms)
        .await
        .unwrap();
    assert_eq!(reset.expires_at, Some(reset.requested_at + 3_600_000));
    let mut sent = fleet.sync(&agent).await.commands.remove(0);
    assert_eq!((sent.options, sent.expires_at), (options, reset.expires_at));
    assert_eq!(agent.open(&sent), "1234");
    sent.options = ResetOptions::REQUIRE_ENTRY | ResetOptions::NO_CREDENTIALS_ON_BOOT;
    let opened = agent.try_open(&sent).map(|_| ());
    assert_eq!(opened, Err(SealingError::DoesNotOpen), "without an option");
    sent.options = options;
    sent.expires_at = None;
    let opened = agent.try_open(&sent).map(|_| ());
    assert_eq!(opened, Err(SealingError::DoesNotOpen), "without the expiry");
}

#[tokio::test]
async fn rule_10_what_the_device_cannot_do_is_said_before_the_admin_confirms() {
    let fleet = TestHost::new().await;
    let agent = fleet.enroll(legacy()).await;
    let options = ResetOptions::NO_CREDENTIALS_ON_BOOT;
    let request = PreviewQuery {
        action: Action::Reset,
        password: None,
        options,
        terms: CommandTerms::default(),
        reason: None,
    };
    let preview = fleet
        .server
        .commands
        .preview(&admin(), &agent.device, request)
        .await
        .unwrap();
    assert!(preview.notes.contains(&Note::NoCredentialsOption));
}

#[tokio::test]
async fn rule_11_a_second_command_is_a_conflict_that_names_the_pending_one_unless_it_replaces_it() {
    let fleet = TestHost::new().await;
    let mut agent = fleet.enroll(owner()).await;
    let first = fleet.reset(&agent, "1234").await.unwrap();
    let conflict = Refusal::Conflict(first.id.clone());
    assert_eq!(refusal(fleet.reset(&agent, "4321").await), conflict);

    let terms = CommandTerms {
        replaces: Some(first.id.clone()),
        valid_for: None,
    };
    let second = fleet
        .reset_on(&agent, "4321", ResetOptions::default(), terms.clone())
        .await
        .unwrap();
    let superseded = failed(Failure::Superseded(second.id.clone()));
    assert_eq!(fleet.command(&agent, &first).await.status, superseded);
    agent.holding = vec![first.id.clone()];
    let news = fleet.sync(&agent).await;
    assert_eq!(
        news.withdrawn,
        std::slice::from_ref(&first.id),
        "the agent must not carry it out any more"
    );
    assert_eq!(agent.open(&news.commands[0]), "4321");
    let refused = refusal(
        fleet
            .reset_on(&agent, "9999", ResetOptions::default(), terms)
            .await,
    );
    assert_eq!(
        refused,
        Refusal::Conflict(second.id),
        "the first one is pending no more"
    );
}

#[tokio::test]
async fn rule_11_a_pending_command_can_be_cancelled_once() {
    let fleet = TestHost::new().await;
    let agent = fleet.enroll(owner()).await;
    let reset = fleet.reset(&agent, "1234").await.unwrap();
    let cancelled = fleet
        .server
        .commands
        .cancel(&admin(), &agent.device, &reset.id)
        .await
        .unwrap();
    assert_eq!(cancelled.command.status, failed(Failure::Cancelled));
    assert!(fleet.sync(&agent).await.commands.is_empty());
    let again = fleet
        .server
        .commands
        .cancel(&admin(), &agent.device, &reset.id)
        .await;
    assert_eq!(refusal(again), Refusal::NotPending(reset.id));
    assert!(
        fleet.reset(&agent, "4321").await.is_ok(),
        "it blocks nobody any more"
    );
}

#[tokio::test]
async fn rule_11_a_command_expires_when_its_time_is_over() {
    let fleet = TestHost::new().await;
    let agent = fleet.enroll(owner()).await;
    let terms = CommandTerms {
        replaces: None,
        valid_for: Some(1),
    };
    let reset = fleet
        .reset_on(&agent, "1234", ResetOptions::default(), terms)
        .await
        .unwrap();
    let watched = fleet.server.tasks.expiry.run(fleet.server.closing());
    let expired = async {
        while fleet.command(&agent, &reset).await.status == Status::Pending {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        fleet.server.close();
    };
    tokio::time::timeout(Duration::from_secs(20), async {
        tokio::join!(watched, expired)
    })
    .await
    .expect("it expires");
    let expired = fleet.command(&agent, &reset).await;
    assert_eq!(expired.status, failed(Failure::Expired));
    assert!(expired.completed_at >= expired.expires_at);
}

#[tokio::test]
async fn rule_11_a_late_outcome_is_kept_in_the_history_and_the_devices_real_state_wins() {
    let fleet = TestHost::new().await;
    let agent = fleet.enroll(owner()).await;
    fleet.apply_policy(&agent, &strict()).await;
    let reset = fleet.reset(&agent, "1234").await.unwrap();
    fleet.sync(&agent).await;
    fleet
        .server
        .commands
        .cancel(&admin(), &agent.device, &reset.id)
        .await
        .unwrap();

    fleet.report(&agent, &reset, DeviceOutcome::Success).await;
    let late = fleet.command(&agent, &reset).await;
    assert_eq!(
        late.status,
        failed(Failure::Cancelled),
        "one outcome for ever"
    );
    assert_eq!(late.late_outcome, Some(DeviceOutcome::Success));
    assert_eq!(
        fleet.sync(&agent).await.policy,
        None,
        "the password is set: it is overridden"
    );
    fleet.report(&agent, &reset, DeviceOutcome::Success).await;
    assert_eq!(
        fleet.command(&agent, &reset).await,
        late,
        "the same again changes nothing"
    );
}

#[tokio::test]
async fn rule_12_the_preview_says_what_will_come_of_it_and_what_to_do() {
    let fleet = TestHost::new().await;
    let mut agent = fleet.enroll(owner()).await;
    let last_sync = fleet
        .server
        .devices
        .get(&admin(), &agent.device)
        .await
        .unwrap()
        .0
        .device
        .last_sync;
    let away = fleet.preview(&agent, Action::Reset).await;
    assert_eq!(
        away.verdict,
        Verdict::WillWait(Wait::DeviceOffline(last_sync))
    );
    assert_eq!(away.remedy, Some(Remedy::ConnectDevice));

    agent.device_info.condition.token = TokenState::Unconfirmed;
    fleet.sync(&agent).await;
    let blocked = fleet.preview(&agent, Action::Reset).await;
    assert_eq!(
        blocked.verdict,
        Verdict::WillFail(DeviceFailure::TokenNotActive)
    );
    assert_eq!(blocked.remedy, Some(Remedy::UserUnlocksOnce));

    let refused = fleet.preview(&agent, Action::Remove).await;
    assert_eq!(
        refused.verdict,
        Verdict::WouldBeRefused(Refusal::NothingToRemove)
    );
    let (status, history) = fleet
        .server
        .commands
        .status(&admin(), &agent.device)
        .await
        .unwrap();
    assert!(
        status.latest.is_none() && history.is_empty(),
        "a preview sends nothing"
    );
}

#[tokio::test]
async fn rule_12_on_an_online_device_a_reset_will_succeed() {
    let fleet = TestHost::new().await;
    let agent = fleet.enroll(owner()).await;
    let request = mdm_agent_protocol::sync::SyncRequest {
        device_info: agent.device_info.clone(),
        reports: vec![],
        holding: vec![],
        policy: None,
        wait_seconds: 30,
        witness: None,
    };
    let caller = agent.authenticated();
    let waiting = fleet.server.agents.sync(&caller, request);
    let asked = async {
        while !fleet
            .server
            .devices
            .get(&admin(), &agent.device)
            .await
            .unwrap()
            .1
        {
            tokio::task::yield_now().await;
        }
        let preview = fleet.preview(&agent, Action::Reset).await;
        let reset = fleet.reset(&agent, "1234").await.unwrap();
        (preview, reset)
    };
    let (news, (preview, reset)) = tokio::join!(waiting, asked);
    assert_eq!(preview.verdict, Verdict::WillSucceed);
    assert_eq!(preview.remedy, None);
    assert_eq!(
        news.unwrap().commands[0].id,
        reset.id,
        "a waiting agent gets it at once"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn law_3_of_many_resets_at_the_same_moment_one_is_accepted_and_the_rest_are_conflicts() {
    let fleet = Arc::new(TestHost::new().await);
    let agent = Arc::new(fleet.enroll(owner()).await);
    let resets: Vec<_> = (0..16)
        .map(|_| {
            let (fleet, agent) = (Arc::clone(&fleet), Arc::clone(&agent));
            tokio::spawn(async move { fleet.reset(&agent, "1234").await })
        })
        .collect();
    let mut accepted = Vec::new();
    let mut conflicts = Vec::new();
    for reset in resets {
        match reset.await.unwrap() {
            Ok(command) => accepted.push(command.id),
            Err(ServerError::Refused(Refusal::Conflict(id))) => conflicts.push(id),
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((accepted.len(), conflicts.len()), (1, 15));
    assert!(conflicts.iter().all(|named| *named == accepted[0]));
    let (_, history) = fleet
        .server
        .commands
        .status(&admin(), &agent.device)
        .await
        .unwrap();
    assert_eq!(history.len(), 1);
}
