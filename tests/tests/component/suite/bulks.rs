//! Bulks: one request for a whole group, answered device by device.

use crate::{
    database,
    plugins::with_probe,
    test_host::{Agent, TestHost, admin, is_stored, owner, password},
};
use futures_util::future::join_all;
use mdm_agent_protocol::sync::DeviceInfo;
use mdm_contract::{
    Action, Characters, Command, DeviceFailure, DeviceOutcome, Failure, Outcome, PasswordRule,
    Refusal, ResetOptions, Status,
};
use mdm_password_component::REFERENCE;
use mdm_server_core::{
    access::{Caller, DeviceScope, Forbidden, Permission, Role},
    actor::Actor,
    audit::AuditEntry,
    bulks::BulkRequest,
    change::Change,
    commands::{CommandTerms, Reset},
    error::ServerError,
    store::{
        Bulk, BulkProgress, BulkState, BulkTerms, Commit, DeviceError, PluginFile, StoreError,
    },
    token,
};
use std::{collections::BTreeSet, time::Duration};

fn reset(text: &str) -> BulkRequest {
    BulkRequest {
        action: Action::Reset,
        group: "sales".into(),
        password: Some(password(text)),
        unique_passwords: false,
        options: ResetOptions::default(),
        terms: BulkTerms::default(),
        reason: None,
        expected_devices: None,
    }
}

fn different() -> BulkRequest {
    BulkRequest {
        password: None,
        unique_passwords: true,
        ..reset("")
    }
}

fn remove() -> BulkRequest {
    BulkRequest {
        action: Action::Remove,
        password: None,
        ..reset("")
    }
}

fn someone(name: &str, group: &str) -> Caller {
    Caller {
        actor: Actor::User(name.into()),
        scope: DeviceScope(Some([group.to_owned()].into())),
        ..admin()
    }
}

fn old() -> DeviceInfo {
    DeviceInfo {
        agent_version: "6.8.0".into(),
        ..owner()
    }
}

async fn enroll(fleet: &TestHost, devices: usize) -> Vec<Agent> {
    let enroll = || fleet.enroll_in(owner(), &["sales"]);
    join_all((0..devices).map(|_| enroll())).await
}

async fn until(fleet: &TestHost, bulk: &Bulk, is_so: impl Fn(&Bulk, u64) -> bool) -> Bulk {
    for _ in 0..4000 {
        let now = fleet.server.bulks.get(&admin(), &bulk.id).await.unwrap();
        let progress = fleet.server.bulks.progress(&now).await.unwrap();
        if is_so(&now, progress.answered()) {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it did not come about")
}

/// An admin of the group who can be looked up.
async fn added(fleet: &TestHost, name: &str) -> Caller {
    let scope = DeviceScope(Some(["sales".to_owned()].into()));
    let by = admin();
    let made = fleet
        .server
        .identity
        .add_user(&by, name, Role::Admin, scope);
    made.await.unwrap();
    someone(name, "sales")
}

/// Every command of it is made.
async fn made(fleet: &TestHost, bulk: &Bulk) -> Bulk {
    until(fleet, bulk, |bulk, _| {
        matches!(bulk.state, BulkState::WaitingForDevices | BulkState::Done)
    })
    .await
}

/// It is over, and no command is left to cancel.
async fn cancelled_bulk(fleet: &TestHost, bulk: &Bulk) -> Bulk {
    until(fleet, bulk, |bulk, _| {
        bulk.state.is_over() && bulk.cancel_requested_by.is_none()
    })
    .await
}

async fn commands(fleet: &TestHost, agents: &[Agent]) -> Vec<usize> {
    let mut counts = Vec::new();
    for agent in agents {
        let history = fleet.server.commands.history(&admin(), &agent.device).await;
        counts.push(history.unwrap().len());
    }
    counts
}

#[tokio::test]
async fn rule_1_a_group_is_reset_as_many_single_commands_each_with_its_own_answer() {
    let fleet = TestHost::new().await;
    let one = fleet.enroll_in(owner(), &["sales", "berlin"]).await;
    let two = fleet.enroll_in(owner(), &["sales"]).await;
    let third = fleet.enroll_in(old(), &["sales"]).await;
    let outsider = fleet.enroll_in(owner(), &["support"]).await;
    let runner = fleet.runs_bulks();
    let bulk = fleet.server.bulks.start(&admin(), reset("1234")).await;
    let bulk = made(&fleet, &bulk.unwrap()).await;
    let answers = fleet
        .server
        .bulks
        .answers(&admin(), &bulk.id, false, None, 100)
        .await
        .unwrap();
    let of = |device: &Agent| {
        &answers
            .iter()
            .find(|it| it.device == device.device)
            .unwrap()
            .answer
    };
    assert_eq!(answers.len(), 3);
    let ids = [
        &of(&one).as_ref().unwrap().id,
        &of(&two).as_ref().unwrap().id,
    ];
    assert_ne!(ids[0], ids[1]);
    assert_eq!(of(&third).as_ref().unwrap_err().kind, "agent-too-old");
    assert!(fleet.sync(&outsider).await.commands.is_empty());
    let sent = fleet.sync(&two).await.commands;
    assert_eq!(two.open(&sent[0]), "1234");
    let command = of(&two).as_ref().unwrap().clone();
    fleet
        .report(
            &two,
            &command,
            DeviceOutcome::Failed(DeviceFailure::UserLocked),
        )
        .await;
    let progress = fleet.server.bulks.progress(&bulk).await.unwrap();
    let counts = (
        progress.pending,
        progress.success,
        progress.failed,
        progress.refused,
    );
    assert_eq!(counts, (1, 0, 1, 1));
    let failures = fleet.server.bulks.failures(&bulk).await.unwrap();
    let whys: Vec<_> = failures
        .iter()
        .map(|it| (it.why.clone(), it.devices))
        .collect();
    assert!(
        whys.contains(&(Ok(Status::Failed(DeviceFailure::UserLocked.into())), 1)),
        "{whys:?}"
    );
    let failed = fleet
        .server
        .bulks
        .answers(&admin(), &bulk.id, true, None, 100)
        .await
        .unwrap();
    assert_eq!(failed.len(), 2);
    let unknown = BulkRequest {
        group: "nobody".into(),
        ..reset("1234")
    };
    let unknown = fleet.server.bulks.start(&admin(), unknown).await;
    assert!(matches!(unknown, Err(ServerError::UnknownGroup(_))));
    runner.stop(&fleet).await;
}

#[tokio::test]
async fn a_password_that_no_device_would_get_is_refused_at_once() {
    let fleet = TestHost::new().await;
    enroll(&fleet, 2).await;
    let refused = fleet.server.bulks.start(&admin(), reset("123")).await;
    assert!(matches!(
        refused,
        Err(ServerError::Refused(Refusal::PasswordRefused(_)))
    ));
    for bad in [
        BulkRequest {
            unique_passwords: true,
            ..reset("1234")
        },
        BulkRequest {
            password: None,
            ..reset("")
        },
        BulkRequest {
            password: Some(password("1234")),
            ..remove()
        },
    ] {
        let refused = fleet.server.bulks.start(&admin(), bad).await;
        assert!(matches!(refused, Err(ServerError::BadRequest(_))));
    }
    let mut named = reset("1234");
    named.reason = Some("the code is 1234".into());
    let refused = fleet.server.bulks.start(&admin(), named).await;
    assert!(matches!(refused, Err(ServerError::BadReason(_))));
    assert!(
        fleet
            .server
            .bulks
            .list(&admin(), None, 9)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_bulk_that_is_interrupted_goes_on_and_no_device_gets_a_second_command_of_it() {
    let fleet = TestHost::new().await;
    let agents = enroll(&fleet, 300).await;
    let bulk = fleet
        .server
        .bulks
        .start(&admin(), reset("1234"))
        .await
        .unwrap();
    let mut fleet = fleet;
    let mut interruptions = 0;
    let mut at_least = 20;
    loop {
        let runner = fleet.runs_bulks();
        let now = until(&fleet, &bulk, |bulk, answered| {
            bulk.state == BulkState::WaitingForDevices || answered >= at_least
        })
        .await;
        runner.abort().await;
        if now.state == BulkState::WaitingForDevices {
            break;
        }
        interruptions += 1;
        at_least += 60;
        fleet = fleet.restarted().await;
    }
    assert!(interruptions > 0, "it was too fast to be interrupted");
    assert_eq!(commands(&fleet, &agents).await, vec![1; 300]);
    let progress = fleet.server.bulks.progress(&bulk).await.unwrap();
    assert_eq!((progress.pending, progress.refused), (300, 0));
}

#[tokio::test]
async fn after_a_cancel_no_more_commands_are_made_and_pending_ones_can_be_taken_back() {
    let fleet = TestHost::new().await;
    let agents = enroll(&fleet, 300).await;
    let bulk = fleet
        .server
        .bulks
        .start(&admin(), reset("1234"))
        .await
        .unwrap();
    let runner = fleet.runs_bulks();
    until(&fleet, &bulk, |_, answered| answered > 0).await;
    let cancelled = fleet
        .server
        .bulks
        .cancel(&admin(), &bulk.id, false)
        .await
        .unwrap();
    assert_eq!(cancelled.state, BulkState::Cancelled);
    let made = fleet.server.bulks.progress(&bulk).await.unwrap();
    assert!(made.pending < 300, "it was too fast to be cancelled");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(fleet.server.bulks.progress(&bulk).await.unwrap(), made);
    let again = fleet.server.bulks.cancel(&admin(), &bulk.id, false).await;
    assert!(matches!(again, Err(ServerError::BulkState { .. })));

    fleet
        .server
        .bulks
        .cancel(&admin(), &bulk.id, true)
        .await
        .unwrap();
    until(&fleet, &bulk, |bulk, _| bulk.cancel_requested_by.is_none()).await;
    let progress = fleet.server.bulks.progress(&bulk).await.unwrap();
    assert_eq!(
        (progress.pending, progress.cancelled, progress.failed),
        (0, made.pending, 0)
    );
    for agent in &agents {
        assert!(fleet.sync(agent).await.commands.is_empty());
    }
    runner.stop(&fleet).await;
}

/// A bulk on which the probe panics, again and again.
fn crashing() -> BulkRequest {
    let mut crashing = reset("1234");
    crashing.reason = Some("panic".into());
    crashing
}

#[tokio::test]
async fn while_the_plugin_fails_a_bulk_stands_still_and_keeps_no_other_one_from_going_on() {
    let fleet = with_probe().await;
    let agents = enroll(&fleet, 20).await;
    let other = fleet.enroll_in(owner(), &["support"]).await;
    let runner = fleet.runs_bulks();
    let server = &fleet.server;
    let bulk = server.bulks.start(&admin(), crashing()).await.unwrap();
    let elsewhere = BulkRequest {
        group: "support".into(),
        ..remove()
    };
    let elsewhere = server.bulks.start(&admin(), elsewhere).await.unwrap();
    made(&fleet, &elsewhere).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let now = server.bulks.get(&admin(), &bulk.id).await.unwrap();
    let progress = server.bulks.progress(&bulk).await.unwrap();
    assert_eq!((now.state, progress.answered()), (BulkState::Running, 0));
    assert!(fleet.sync(&other).await.commands.len() <= 1);

    let file = PluginFile {
        bytes: REFERENCE.to_vec(),
        signature: None,
    };
    server
        .plugins
        .use_plugin(&admin(), file, None)
        .await
        .unwrap();
    made(&fleet, &bulk).await;
    assert_eq!(commands(&fleet, &agents).await, vec![1; 20]);
    runner.stop(&fleet).await;
}

#[tokio::test]
async fn what_is_taken_back_while_a_bulk_runs_is_taken_back_from_its_beginning() {
    let fleet = TestHost::new().await;
    let agents = enroll(&fleet, 600).await;
    let server = &fleet.server;
    let bulk = server.bulks.start(&admin(), reset("1234")).await.unwrap();
    let runner = fleet.runs_bulks();
    until(&fleet, &bulk, |_, answered| answered >= 256).await;
    server.bulks.cancel(&admin(), &bulk.id, true).await.unwrap();
    until(&fleet, &bulk, |bulk, _| bulk.cancel_requested_by.is_none()).await;
    let progress = server.bulks.progress(&bulk).await.unwrap();
    assert_eq!(progress.pending, 0);
    assert!(progress.cancelled >= 256 && progress.cancelled <= agents.len() as u64);
    runner.stop(&fleet).await;
}

#[tokio::test]
async fn no_device_has_two_commands_of_a_bulk_or_one_and_a_refusal() {
    let fleet = TestHost::new().await;
    let agent = &enroll(&fleet, 1).await[0];
    let server = &fleet.server;
    let bulk = server.bulks.start(&admin(), reset("1234")).await.unwrap();
    let runner = fleet.runs_bulks();
    made(&fleet, &bulk).await;
    runner.stop(&fleet).await;
    let first = server
        .commands
        .history(&admin(), &agent.device)
        .await
        .unwrap();
    fleet.report(agent, &first[0], DeviceOutcome::Success).await;

    // A second host over the same store that is late, say.
    let store = database::open(fleet.folder()).await;
    let late = Bulk {
        id: format!("{}-late", bulk.id),
        state: BulkState::Running,
        ..bulk.clone()
    };
    let audit = || AuditEntry::new(0, &admin(), "test");
    store.add_bulk(late.clone(), audit().into()).await.unwrap();
    let commit = async |id: &str, completed: &[&str]| {
        let snapshot = store.snapshot(&agent.device).await.unwrap().unwrap();
        let complete = |id: &&str| Change::Complete {
            command: (*id).into(),
            outcome: Outcome::Success,
        };
        let mut changes: Vec<Change> = completed.iter().map(complete).collect();
        let command = Command {
            id: id.into(),
            status: Status::Pending,
            ..first[0].clone()
        };
        changes.push(Change::Send {
            command,
            sealed: None,
        });
        let commit = Commit {
            device: agent.device.clone(),
            version: snapshot.version,
            at: 0,
            changes,
            bulk: Some(late.id.clone()),
            audit: None,
        };
        store.commit(commit).await
    };
    commit("one", &[]).await.unwrap();
    let again = commit("two", &["one"]).await;
    assert!(matches!(again, Err(StoreError::BulkAnswered)), "{again:?}");
    let why = DeviceError {
        kind: "conflict".into(),
        detail: "one is pending".into(),
    };
    store
        .add_device_error(&late.id, &agent.device, why)
        .await
        .unwrap();
    let progress = store.bulk_progress(&late.id).await.unwrap();
    assert_eq!((progress.pending, progress.refused), (1, 0));
}

#[tokio::test]
async fn a_large_bulk_waits_until_somebody_else_approves_it() {
    let fleet = TestHost::approving_above(2).await;
    let agents = enroll(&fleet, 3).await;
    let runner = fleet.runs_bulks();
    let alice = added(&fleet, "alice").await;
    let bulk = fleet
        .server
        .bulks
        .start(&alice, reset("1234"))
        .await
        .unwrap();
    assert_eq!(bulk.state, BulkState::WaitingForApproval);
    let own = fleet.server.bulks.approve(&alice, &bulk.id).await;
    assert!(matches!(
        own,
        Err(ServerError::Forbidden(Forbidden::OwnRequest(_)))
    ));
    let elsewhere = fleet
        .server
        .bulks
        .approve(&someone("bob", "it"), &bulk.id)
        .await;
    assert!(matches!(
        elsewhere,
        Err(ServerError::Forbidden(Forbidden::DeviceScope { .. }))
    ));
    let helpdesk = Caller {
        permissions: [Permission::See, Permission::ChangePassword].into(),
        ..someone("carol", "sales")
    };
    let not_allowed = fleet.server.bulks.approve(&helpdesk, &bulk.id).await;
    assert!(matches!(
        not_allowed,
        Err(ServerError::Forbidden(Forbidden::Permission { .. }))
    ));
    assert_eq!(commands(&fleet, &agents).await, [0, 0, 0]);

    let approver = someone("bob", "sales");
    let approved = fleet
        .server
        .bulks
        .approve(&approver, &bulk.id)
        .await
        .unwrap();
    assert_eq!(approved.approved_by, Some(Actor::User("bob".into())));
    made(&fleet, &bulk).await;
    assert_eq!(commands(&fleet, &agents).await, [1, 1, 1]);
    let twice = fleet.server.bulks.approve(&approver, &bulk.id).await;
    assert!(matches!(twice, Err(ServerError::BulkState { .. })));
    runner.stop(&fleet).await;
}

#[tokio::test]
async fn nobody_approves_by_a_token_or_what_their_own_token_has_asked_for() {
    let fleet = TestHost::approving_above(0).await;
    enroll(&fleet, 1).await;
    let server = &fleet.server;
    let token = async |by: &Caller, name: &str| {
        let made =
            server
                .identity
                .add_token(by, name, Permission::ALL.into(), DeviceScope::ALL, None);
        let token = token::digest(&made.await.unwrap());
        server.identity.program(token, None).await.unwrap().unwrap()
    };
    let user = |name: &str| Caller {
        actor: Actor::User(name.into()),
        ..admin()
    };
    let (alice, bob) = (user("alice"), user("bob"));
    for name in ["alice", "bob"] {
        let by = admin();
        let made = server
            .identity
            .add_user(&by, name, Role::Admin, DeviceScope::ALL);
        made.await.unwrap();
    }
    let hers = token(&alice, "hers").await;
    let by_hers = token(&hers, "by-hers").await;
    for asking in [&alice, &hers, &by_hers] {
        let bulk = server.bulks.start(asking, reset("1234")).await.unwrap();
        let own = server.bulks.approve(&alice, &bulk.id).await;
        assert!(
            matches!(own, Err(ServerError::Forbidden(Forbidden::OwnRequest(_)))),
            "{asking:?}"
        );
        let others = token(&bob, &format!("bobs-{}", bulk.id)).await;
        for program in [&hers, &by_hers, &others] {
            let refused = server.bulks.approve(program, &bulk.id).await;
            assert!(matches!(
                refused,
                Err(ServerError::Forbidden(Forbidden::NoUser(_)))
            ));
        }
        let approved = server.bulks.approve(&bob, &bulk.id).await.unwrap();
        assert_eq!(approved.approved_by, Some(Actor::User("bob".into())));
    }
    let tokens = server.identity.tokens(&admin()).await.unwrap();
    let owner = |name: &str| {
        let token = tokens.iter().find(|it| it.name == name).unwrap();
        token.owner.as_deref()
    };
    assert_eq!(
        (owner("hers"), owner("by-hers")),
        (Some("alice"), Some("alice"))
    );
}

#[tokio::test]
async fn a_bulk_that_nobody_approves_or_downloads_for_a_day_is_cancelled_and_its_password_forgotten()
 {
    let fleet = TestHost::approving_above(0).await;
    enroll(&fleet, 1).await;
    let server = &fleet.server;
    let fresh = server.bulks.start(&admin(), reset("1234")).await.unwrap();
    assert_eq!(fresh.state, BulkState::WaitingForApproval);
    let store = database::open(fleet.folder()).await;
    let mut old = Vec::new();
    for state in [BulkState::WaitingForApproval, BulkState::WaitingForDownload] {
        let bulk = Bulk {
            id: format!("{}-{state}", fresh.id),
            requested_at: fresh.requested_at - 25 * 3600 * 1000,
            state,
            ..fresh.clone()
        };
        let audit = AuditEntry::new(0, &admin(), "test");
        store.add_bulk(bulk.clone(), audit.into()).await.unwrap();
        old.push(bulk);
    }
    let runner = fleet.runs_bulks();
    for bulk in &old {
        let ended = until(&fleet, bulk, |bulk, _| bulk.state.is_over()).await;
        assert_eq!(ended.state, BulkState::Cancelled);
        assert_eq!(ended.sealed_password, None);
    }
    let fresh = server.bulks.get(&admin(), &fresh.id).await.unwrap();
    assert_eq!(fresh.state, BulkState::WaitingForApproval);
    runner.stop(&fleet).await;
}

#[tokio::test]
async fn nobody_asks_for_looks_at_or_cancels_a_bulk_of_a_group_that_is_not_theirs() {
    let fleet = TestHost::new().await;
    enroll(&fleet, 1).await;
    let other = someone("bob", "it");
    let bulk = fleet
        .server
        .bulks
        .start(&admin(), reset("1234"))
        .await
        .unwrap();
    let forbidden = |error: ServerError| matches!(error, ServerError::Forbidden(_));
    let server = &fleet.server;
    assert!(forbidden(
        server.bulks.start(&other, reset("1234")).await.unwrap_err()
    ));
    assert!(forbidden(
        server.bulks.preview(&other, &remove()).await.unwrap_err()
    ));
    assert!(forbidden(
        server.bulks.get(&other, &bulk.id).await.unwrap_err()
    ));
    assert!(forbidden(
        server
            .bulks
            .cancel(&other, &bulk.id, true)
            .await
            .unwrap_err()
    ));
    let answers = server.bulks.answers(&other, &bulk.id, false, None, 9).await;
    assert!(forbidden(answers.unwrap_err()));
    assert!(server.bulks.list(&other, None, 9).await.unwrap().is_empty());
    assert_eq!(server.bulks.list(&admin(), None, 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_password_of_a_bulk_lies_nowhere_in_the_store_and_is_forgotten_when_it_ends() {
    let rule = PasswordRule {
        characters: Characters::Alphanumeric,
        minimum_length: 8,
        maximum_length: 16,
    };
    let fleet = TestHost::with_rule(rule).await;
    let agents = enroll(&fleet, 2).await;
    let bulk = fleet
        .server
        .bulks
        .start(&admin(), reset("cAnArY7zQ9"))
        .await
        .unwrap();
    assert!(bulk.sealed_password.is_some());
    assert!(!is_stored(fleet.folder(), "cAnArY7zQ9"));
    assert!(is_stored(fleet.folder(), &bulk.id), "it would be found");
    let runner = fleet.runs_bulks();
    let bulk = made(&fleet, &bulk).await;
    assert_eq!(bulk.sealed_password, None);
    let sent = fleet.sync(&agents[0]).await.commands;
    assert_eq!(agents[0].open(&sent[0]), "cAnArY7zQ9");
    assert!(!is_stored(fleet.folder(), "cAnArY7zQ9"));
    runner.stop(&fleet).await;
}

#[tokio::test]
async fn each_device_can_get_a_password_of_its_own_which_is_told_once_to_who_asked() {
    let fleet = TestHost::approving_above(2).await;
    let agents = enroll(&fleet, 40).await;
    let third = fleet.enroll_in(old(), &["sales"]).await;
    let alice = added(&fleet, "alice").await;
    let bulk = fleet.server.bulks.start(&alice, different()).await.unwrap();
    let early = fleet
        .server
        .password_exports
        .download(&alice, &bulk.id)
        .await;
    assert!(matches!(early, Err(ServerError::BulkState { .. })));
    let approved = fleet
        .server
        .bulks
        .approve(&someone("bob", "sales"), &bulk.id)
        .await
        .unwrap();
    assert_eq!(approved.state, BulkState::WaitingForDownload);
    let others = fleet
        .server
        .password_exports
        .download(&admin(), &bulk.id)
        .await;
    assert!(matches!(
        others,
        Err(ServerError::Forbidden(Forbidden::OthersRequest { .. }))
    ));
    let mut pages = fleet
        .server
        .password_exports
        .download(&alice, &bulk.id)
        .await
        .unwrap();
    let mut lines = Vec::new();
    while let Some(page) = pages.recv().await {
        lines.extend(page.unwrap());
    }
    assert_eq!(lines.len(), 41);
    let mut passwords = BTreeSet::new();
    for agent in &agents {
        let line = lines.iter().find(|it| it.device == agent.device).unwrap();
        let (Some(password), Ok((command, status))) = (&line.password, &line.command) else {
            panic!("it was refused")
        };
        assert_eq!(*status, Status::Pending);
        let sent = fleet.sync(agent).await.commands;
        assert_eq!(sent[0].id, *command);
        assert_eq!(agent.open(&sent[0]), password.expose());
        passwords.insert(password.expose().to_owned());
    }
    assert!(passwords.len() > 30, "{passwords:?}");
    let refused = lines.iter().find(|it| it.device == third.device).unwrap();
    assert!(refused.password.is_none());
    assert!(
        refused
            .command
            .as_ref()
            .is_err_and(|why| why.kind == "agent-too-old")
    );
    made(&fleet, &bulk).await;
    let twice = fleet
        .server
        .password_exports
        .download(&alice, &bulk.id)
        .await;
    assert!(matches!(twice, Err(ServerError::BulkState { .. })));
}

#[tokio::test]
async fn a_download_that_breaks_off_ends_its_bulk_and_what_was_made_is_taken_back() {
    let fleet = TestHost::new().await;
    let runner = fleet.runs_bulks();
    let agents = enroll(&fleet, 1200).await;
    let bulk = fleet
        .server
        .bulks
        .start(&admin(), different())
        .await
        .unwrap();
    assert_eq!(bulk.state, BulkState::WaitingForDownload);
    let mut pages = fleet
        .server
        .password_exports
        .download(&admin(), &bulk.id)
        .await
        .unwrap();
    let first = pages.recv().await.unwrap().unwrap();
    assert!(!first.is_empty());
    drop(pages);
    let ended = cancelled_bulk(&fleet, &bulk).await;
    assert_eq!(ended.state, BulkState::Cancelled);
    let progress = fleet.server.bulks.progress(&bulk).await.unwrap();
    let made = usize::try_from(progress.cancelled).unwrap();
    assert!(made >= first.len() && made < agents.len(), "{made}");
    assert_eq!(progress.pending, 0);
    runner.stop(&fleet).await;
}

#[tokio::test]
async fn a_download_of_which_nobody_takes_the_last_page_has_broken_off() {
    let fleet = TestHost::new().await;
    enroll(&fleet, 10).await;
    let runner = fleet.runs_bulks();
    let server = &fleet.server;
    let bulk = server.bulks.start(&admin(), different()).await.unwrap();
    let download = server.password_exports.download(&admin(), &bulk.id).await;
    until(&fleet, &bulk, |_, answered| answered == 10).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    drop(download);
    let ended = cancelled_bulk(&fleet, &bulk).await;
    assert_eq!(ended.state, BulkState::Cancelled);
    let progress = server.bulks.progress(&bulk).await.unwrap();
    assert_eq!((progress.pending, progress.cancelled), (0, 10));
    runner.stop(&fleet).await;
}

#[tokio::test]
async fn who_cancels_a_bulk_during_its_download_or_stops_the_host_takes_its_passwords_back() {
    for is_restarted in [false, true] {
        let mut fleet = TestHost::new().await;
        enroll(&fleet, 600).await;
        let bulk = fleet
            .server
            .bulks
            .start(&admin(), different())
            .await
            .unwrap();
        let download = fleet
            .server
            .password_exports
            .download(&admin(), &bulk.id)
            .await;
        let mut download = download.unwrap();
        until(&fleet, &bulk, |_, answered| answered > 0).await;
        if is_restarted {
            fleet = fleet.restarted().await;
        } else {
            let cancelled = fleet.server.bulks.cancel(&admin(), &bulk.id, false).await;
            cancelled.unwrap();
        }
        let runner = fleet.runs_bulks();
        let ended = cancelled_bulk(&fleet, &bulk).await;
        assert_eq!(ended.state, BulkState::Cancelled);
        let progress = fleet.server.bulks.progress(&bulk).await.unwrap();
        assert_eq!(progress.pending, 0, "{is_restarted}");
        runner.stop(&fleet).await;
        let mut last = download.recv().await.unwrap();
        while let Some(page) = download.recv().await {
            last = page;
        }
        assert!(last.is_err(), "what is not whole does not look so");
    }
}

#[tokio::test]
async fn the_preview_of_a_bulk_says_on_how_many_devices_it_comes_to_what() {
    let fleet = TestHost::approving_above(3).await;
    let agents = enroll(&fleet, 2).await;
    fleet.enroll_in(old(), &["sales"]).await;
    let pending = fleet.enroll_in(owner(), &["sales"]).await;
    fleet.reset(&pending, "1234").await.unwrap();
    let preview = fleet
        .server
        .bulks
        .preview(&admin(), &reset("1234"))
        .await
        .unwrap();
    assert_eq!((preview.devices, preview.asked), (4, 4));
    assert!(preview.needs_approval);
    let counts = |verdict: &str| {
        let found = preview.verdicts.iter().filter(|it| it.verdict == verdict);
        found.map(|it| it.devices).collect::<Vec<_>>()
    };
    assert_eq!(counts("will-wait"), [2], "{preview:?}");
    assert_eq!(counts("would-be-refused"), [1, 1]);
    let named = &preview.verdicts[0].such_as;
    assert!(
        named
            .iter()
            .all(|(id, _)| agents.iter().any(|it| it.device == *id))
    );
    let mut replacing = reset("1234");
    replacing.terms.replace_pending = true;
    let preview = fleet
        .server
        .bulks
        .preview(&admin(), &replacing)
        .await
        .unwrap();
    assert_eq!(preview.verdicts[0].devices, 3, "{preview:?}");
}

#[tokio::test]
async fn a_bulk_can_replace_what_is_pending() {
    let fleet = TestHost::new().await;
    let agents = enroll(&fleet, 2).await;
    let before = fleet.reset(&agents[0], "1234").await.unwrap();
    let mut replacing = reset("5678");
    replacing.terms.replace_pending = true;
    let runner = fleet.runs_bulks();
    let bulk = fleet.server.bulks.start(&admin(), replacing).await.unwrap();
    made(&fleet, &bulk).await;
    let status = fleet.command(&agents[0], &before).await.status;
    assert!(matches!(status, Status::Failed(Failure::Superseded(_))));
    let sent = fleet.sync(&agents[0]).await.commands;
    assert_eq!(agents[0].open(&sent[0]), "5678");
    runner.stop(&fleet).await;
}

#[tokio::test]
async fn a_bulk_ends_when_the_last_of_its_commands_has_an_outcome_however_it_came() {
    let fleet = TestHost::new().await;
    let agents = enroll(&fleet, 4).await;
    let server = &fleet.server;
    let runner = fleet.runs_bulks();
    let bulk = server.bulks.start(&admin(), reset("1234")).await.unwrap();
    let bulk = made(&fleet, &bulk).await;
    assert_eq!(bulk.sealed_password, None, "it is forgotten already");
    let mut commands = Vec::new();
    for agent in &agents {
        let history = server
            .commands
            .history(&admin(), &agent.device)
            .await
            .unwrap();
        commands.push(history[0].clone());
    }
    fleet
        .report(&agents[0], &commands[0], DeviceOutcome::Success)
        .await;
    let locked = DeviceOutcome::Failed(DeviceFailure::UserLocked);
    fleet.report(&agents[1], &commands[1], locked).await;
    let replacing = CommandTerms {
        replaces: Some(commands[2].id.clone()),
        valid_for: None,
    };
    let replacing = Reset {
        password: password("5678"),
        options: ResetOptions::default(),
        terms: replacing,
        reason: None,
    };
    server
        .commands
        .reset(&admin(), agents[2].device.as_str(), &replacing)
        .await
        .unwrap();
    // The runner looks once a second.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let waiting = server.bulks.get(&admin(), &bulk.id).await.unwrap();
    assert_eq!(
        (waiting.state, waiting.ended_at),
        (BulkState::WaitingForDevices, None),
        "one is pending"
    );
    let alone = server.bulks.cancel(&admin(), &bulk.id, false).await;
    assert!(matches!(alone, Err(ServerError::BulkState { .. })));

    let last = &commands[3].id;
    server
        .commands
        .cancel(&admin(), &agents[3].device, last)
        .await
        .unwrap();
    let ended = until(&fleet, &bulk, |bulk, _| bulk.state == BulkState::Done).await;
    assert!(ended.ended_at.is_some());
    let expected = BulkProgress {
        success: 1,
        failed: 1,
        superseded: 1,
        cancelled: 1,
        ..BulkProgress::default()
    };
    assert_eq!(server.bulks.progress(&bulk).await.unwrap(), expected);
    let over = server.bulks.cancel(&admin(), &bulk.id, true).await;
    assert!(matches!(over, Err(ServerError::BulkState { .. })));
    runner.stop(&fleet).await;
}

#[tokio::test]
async fn who_cancels_a_bulk_that_waits_for_devices_takes_its_commands_back() {
    let fleet = TestHost::new().await;
    enroll(&fleet, 3).await;
    let server = &fleet.server;
    let runner = fleet.runs_bulks();
    let bulk = server.bulks.start(&admin(), reset("1234")).await.unwrap();
    made(&fleet, &bulk).await;
    server.bulks.cancel(&admin(), &bulk.id, true).await.unwrap();
    let ended = cancelled_bulk(&fleet, &bulk).await;
    assert_eq!(ended.state, BulkState::Cancelled);
    let progress = server.bulks.progress(&bulk).await.unwrap();
    assert_eq!((progress.pending, progress.cancelled), (0, 3));
    runner.stop(&fleet).await;
}

#[tokio::test]
async fn of_a_bulk_whose_commands_were_replaced_the_reason_is_told_once() {
    let fleet = TestHost::new().await;
    enroll(&fleet, 3).await;
    let server = &fleet.server;
    let runner = fleet.runs_bulks();
    let bulk = server.bulks.start(&admin(), reset("1234")).await.unwrap();
    made(&fleet, &bulk).await;
    let mut again = reset("5678");
    again.terms.replace_pending = true;
    let again = server.bulks.start(&admin(), again).await.unwrap();
    made(&fleet, &again).await;
    let failures = server.bulks.failures(&bulk).await.unwrap();
    let superseded = |why: &Result<Status, DeviceError>| {
        matches!(why, Ok(Status::Failed(Failure::Superseded(_))))
    };
    assert!(
        matches!(&failures[..], [all] if all.devices == 3 && superseded(&all.why)),
        "{failures:?}"
    );
    until(&fleet, &bulk, |bulk, _| bulk.state == BulkState::Done).await;
    runner.stop(&fleet).await;
}
