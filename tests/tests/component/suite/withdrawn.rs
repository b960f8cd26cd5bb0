//! Bulks whose requester was removed, or lost a permission or devices: no more commands are made.

use crate::{
    database,
    test_host::{TestHost, admin, owner, password},
};
use mdm_contract::{Action, ResetOptions};
use mdm_server_core::{
    access::{Caller, DeviceScope, Role},
    actor::Actor,
    bulks::BulkRequest,
    error::ServerError,
    store::{AuditFilter, Bulk, BulkState, BulkTerms},
    token,
};
use std::time::Duration;

fn reset() -> BulkRequest {
    BulkRequest {
        action: Action::Reset,
        group: "sales".into(),
        password: Some(password("1234")),
        unique_passwords: false,
        options: ResetOptions::default(),
        terms: BulkTerms::default(),
        reason: None,
        expected_devices: None,
    }
}

async fn add_user(fleet: &TestHost, name: &str) -> Caller {
    let by = admin();
    let made = fleet
        .server
        .identity
        .add_user(&by, name, Role::Helpdesk, DeviceScope::ALL);
    made.await.unwrap();
    Caller {
        actor: Actor::User(name.into()),
        ..admin()
    }
}

/// A change by an admin to alice while her bulk runs or waits.
#[derive(Clone, Copy, Debug)]
enum Withdrawal {
    Removal,
    Demotion,
    OtherGroup,
}

const WITHDRAWALS: [Withdrawal; 3] = [
    Withdrawal::Removal,
    Withdrawal::Demotion,
    Withdrawal::OtherGroup,
];

async fn withdraw(fleet: &TestHost, how: Withdrawal) {
    let (server, by) = (&fleet.server, admin());
    let elsewhere = DeviceScope(Some(["elsewhere".to_owned()].into()));
    match how {
        Withdrawal::Removal => server.identity.remove_user(&by, "alice").await,
        Withdrawal::Demotion => {
            server
                .identity
                .change_user(&by, "alice", Role::Viewer, DeviceScope::ALL)
                .await
        }
        Withdrawal::OtherGroup => {
            server
                .identity
                .change_user(&by, "alice", Role::Helpdesk, elsewhere)
                .await
        }
    }
    .unwrap();
}

async fn over(fleet: &TestHost, bulk: &Bulk) -> Bulk {
    for _ in 0..4000 {
        let now = fleet.server.bulks.get(&admin(), &bulk.id).await.unwrap();
        if now.state.is_over() {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it was not over")
}

async fn commands(fleet: &TestHost, bulk: &Bulk) -> usize {
    let by = admin();
    let answers = fleet.server.bulks.answers(&by, &bulk.id, false, None, 500);
    let answers = answers.await.unwrap();
    answers.iter().filter(|it| it.answer.is_ok()).count()
}

/// The audit trail says why it was cancelled.
async fn assert_told(fleet: &TestHost, bulk: &Bulk, how: Withdrawal) {
    let store = database::open(fleet.folder()).await;
    let lines = store.audit(&AuditFilter::default(), None, 100).await;
    let told = lines.unwrap().into_iter().any(|line| {
        let detail = line.entry.detail.unwrap_or_default();
        line.entry.action == "cancel-bulk"
            && detail.contains(&bulk.id)
            && detail.contains("may no longer change passwords")
    });
    assert!(told, "{how:?}");
}

#[tokio::test]
async fn no_more_commands_of_a_bulk_are_made_once_who_asked_for_it_may_not_any_more() {
    for how in WITHDRAWALS {
        for by_token in [false, true] {
            let fleet = TestHost::new().await;
            for _ in 0..3 {
                fleet.enroll_in(owner(), &["sales"]).await;
            }
            let mut alice = add_user(&fleet, "alice").await;
            if by_token {
                let all = Role::Admin.permissions();
                let made =
                    fleet
                        .server
                        .identity
                        .add_token(&alice, "hers", all, DeviceScope::ALL, None);
                let digest = token::digest(&made.await.unwrap());
                let program = fleet.server.identity.program(digest, None).await;
                alice = program.unwrap().unwrap();
            }
            let bulk = fleet.server.bulks.start(&alice, reset()).await.unwrap();
            withdraw(&fleet, how).await;
            let runner = fleet.runs_bulks();
            let ended = over(&fleet, &bulk).await;
            assert_eq!(ended.state, BulkState::Cancelled, "{how:?} {by_token}");
            assert_eq!(commands(&fleet, &bulk).await, 0);
            assert_told(&fleet, &bulk, how).await;
            runner.stop(&fleet).await;
        }
    }
}

#[tokio::test]
async fn the_bulk_of_a_token_ends_with_the_token() {
    let fleet = TestHost::new().await;
    fleet.enroll_in(owner(), &["sales"]).await;
    let alice = add_user(&fleet, "alice").await;
    let all = Role::Admin.permissions();
    let made = fleet
        .server
        .identity
        .add_token(&alice, "hers", all, DeviceScope::ALL, None);
    let digest = token::digest(&made.await.unwrap());
    let program = fleet.server.identity.program(digest, None).await;
    let program = program.unwrap().unwrap();
    let bulk = fleet.server.bulks.start(&program, reset()).await.unwrap();
    fleet
        .server
        .identity
        .remove_token(&alice, "hers")
        .await
        .unwrap();
    let runner = fleet.runs_bulks();
    let ended = over(&fleet, &bulk).await;
    assert_eq!(ended.state, BulkState::Cancelled);
    assert_eq!(commands(&fleet, &bulk).await, 0);
    runner.stop(&fleet).await;
}

#[tokio::test]
async fn a_bulk_of_who_may_not_ask_for_it_any_more_is_not_approved_and_ends() {
    for how in WITHDRAWALS {
        let fleet = TestHost::approving_above(0).await;
        fleet.enroll_in(owner(), &["sales"]).await;
        let alice = add_user(&fleet, "alice").await;
        let bob = add_user(&fleet, "bob").await;
        let bulk = fleet.server.bulks.start(&alice, reset()).await.unwrap();
        assert_eq!(bulk.state, BulkState::WaitingForApproval);
        withdraw(&fleet, how).await;
        let refused = fleet.server.bulks.approve(&bob, &bulk.id).await;
        let refused = refused.map(|it| it.state);
        let Err(ServerError::Forbidden(why)) = refused else {
            panic!("{how:?}: {refused:?}")
        };
        let why = why.to_string();
        assert!(why.contains("may no longer change passwords"), "{why}");
        let ended = over(&fleet, &bulk).await;
        assert_eq!(ended.state, BulkState::Cancelled);
        assert_eq!(ended.sealed_password, None);
        assert_told(&fleet, &bulk, how).await;
    }
}

#[tokio::test]
async fn the_password_export_of_who_was_removed_after_it_began_makes_no_more_commands() {
    let fleet = TestHost::new().await;
    for _ in 0..3 {
        fleet.enroll_in(owner(), &["sales"]).await;
    }
    let alice = add_user(&fleet, "alice").await;
    let different = BulkRequest {
        password: None,
        unique_passwords: true,
        ..reset()
    };
    let bulk = fleet.server.bulks.start(&alice, different).await.unwrap();
    // Her request has been let through, and then she is removed.
    withdraw(&fleet, Withdrawal::Removal).await;
    let export = fleet
        .server
        .password_exports
        .download(&alice, &bulk.id)
        .await;
    let mut pages = export.unwrap();
    while pages.recv().await.is_some_and(|page| page.is_ok()) {}
    let ended = over(&fleet, &bulk).await;
    assert_eq!(ended.state, BulkState::Cancelled);
    assert_eq!(commands(&fleet, &bulk).await, 0);
}
