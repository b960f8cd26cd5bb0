//! The requirements on every store.

use crate::{
    database,
    test_host::{TestHost, admin, is_in, is_stored, owner},
};
use mdm_agent_protocol::{
    sealing::{PrivateKey, Sealed},
    signing_key::SigningKey,
};
use mdm_contract::{
    Action, Command, DeviceOutcome, Failure, Outcome, ResetOptions, Status, time::Timestamp,
};
use mdm_server_core::{
    access::{DeviceScope, Permission, Role},
    audit::AuditEntry,
    change::Change,
    store::{
        ApiToken, AuditFilter, ChosenPlugin, Commit, DeviceFilter, FIRST_PAUSE, MAX_BACKOFF,
        NewDevice, NewInvitation, Overdue, PluginChoice, PluginFile, RequestRecord, Store,
        StoreError, User,
    },
    token,
};
use std::sync::Arc;
use tempfile::TempDir;

async fn store_with(devices: usize) -> (Arc<dyn Store>, Vec<String>, TempDir) {
    let folder = TempDir::new().unwrap();
    let store = database::open(folder.path()).await;
    let mut ids = Vec::new();
    for number in 0..devices {
        let id = format!("device-{number:04}");
        let enrollment = token::digest(&format!("enrollment {number}"));
        store
            .add_enrollment_token(enrollment, vec!["all".into()], 1000, made_by_admin())
            .await
            .unwrap();
        assert!(store.enroll(enrollment, device(&id, 1)).await.unwrap());
        ids.push(id);
    }
    (store, ids, folder)
}

#[tokio::test]
async fn a_token_that_replaces_another_is_made_or_the_other_stays() {
    let (store, _, _folder) = store_with(0).await;
    let about = |name: &str| ApiToken {
        name: name.into(),
        permissions: Permission::ALL.into(),
        scope: DeviceScope::ALL,
        owner: None,
        created_at: 1,
        expires_at: None,
    };
    let record = |action| RequestRecord::from(AuditEntry::new(1, &admin(), action));
    let replace = async |token: &str| {
        let digest = token::digest(token);
        let (removed, added) = (record("remove-token"), record("add-token"));
        store
            .replace_api_token(digest, about("admin"), removed, added)
            .await
    };
    let actions = async || {
        let filter = AuditFilter::default();
        let lines = store.audit(&filter, None, 9).await.unwrap();
        let actions = lines.into_iter().map(|line| line.entry.action);
        actions.collect::<Vec<_>>()
    };
    let is_there = async |token: &str| {
        let found = store.api_token(token::digest(token), 2).await.unwrap();
        found.is_some()
    };
    replace("first").await.unwrap();
    assert_eq!(actions().await, ["add-token"], "there was none before");
    replace("second").await.unwrap();
    assert!(!is_there("first").await && is_there("second").await);
    let whole = ["add-token", "remove-token", "add-token"];
    assert_eq!(actions().await, whole);

    let taken = token::digest("taken");
    let other = store.add_api_token(taken, about("other"), record("add-token"));
    other.await.unwrap();
    let refused = replace("taken").await.unwrap_err();
    assert!(refused.to_string().contains("same digest"), "{refused}");
    assert!(is_there("second").await, "nothing replaces it");
    assert_eq!(actions().await.len(), 4, "nothing was done");
}

fn made_by_admin() -> RequestRecord {
    AuditEntry::new(1, &admin(), "add-enrollment-token").into()
}

fn device(id: &str, at: Timestamp) -> NewDevice {
    NewDevice {
        id: id.into(),
        name: id.into(),
        public_key: PrivateKey::generate().1,
        signing_key: SigningKey::generate().unwrap().verifying_key().clone(),
        device_info: owner(),
        at,
    }
}

fn command(id: &str) -> Command {
    Command {
        id: id.into(),
        action: Action::Remove,
        options: ResetOptions::default(),
        status: Status::Pending,
        requested_at: 5,
        completed_at: None,
        expires_at: Some(50),
        late_outcome: None,
    }
}

fn commit(device: &str, version: i64, changes: Vec<Change>) -> Commit {
    Commit {
        device: device.into(),
        version,
        at: 7,
        changes,
        bulk: None,
        audit: None,
    }
}

fn send(id: &str) -> Change {
    Change::Send {
        command: command(id),
        sealed: None,
    }
}

fn complete(id: &str) -> Change {
    Change::Complete {
        command: id.into(),
        outcome: Outcome::Failed(Failure::Cancelled),
    }
}

#[tokio::test]
async fn of_two_decisions_on_one_version_only_the_first_is_committed() {
    let (store, ids, _folder) = store_with(1).await;
    let version = store.snapshot(&ids[0]).await.unwrap().unwrap().version;
    store
        .commit(commit(&ids[0], version, vec![send("a")]))
        .await
        .unwrap();
    let second = store
        .commit(commit(&ids[0], version, vec![send("b")]))
        .await;
    assert!(matches!(second, Err(StoreError::Conflict)));
    assert_eq!(store.history(&ids[0], 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_device_never_has_two_pending_commands_whoever_asks() {
    let (store, ids, _folder) = store_with(2).await;
    let device = &ids[0];
    let try_commit = async |changes| {
        let version = store.snapshot(device).await.unwrap().unwrap().version;
        store.commit(commit(device, version, changes)).await
    };
    try_commit(vec![send("a")]).await.unwrap();
    for second in [vec![send("b")], vec![complete("a"), send("b"), send("c")]] {
        let refused = try_commit(second).await.unwrap_err();
        let is_said = matches!(&refused, StoreError::CommandPending(of) if of == device);
        assert!(is_said, "{refused:?}");
        assert!(refused.to_string().contains("one at most"), "{refused}");
        let history = store.history(device, 10).await.unwrap();
        assert_eq!(history.len(), 1);
        assert_eq!(history[0].status, Status::Pending);
    }
    try_commit(vec![complete("a"), send("b")]).await.unwrap();
    let waiting = store.outbox(device).await.unwrap();
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].command.id, "b");
    // A command of another device does not conflict.
    let version = store.snapshot(&ids[1]).await.unwrap().unwrap().version;
    let other = commit(&ids[1], version, vec![send("d")]);
    store.commit(other).await.unwrap();
}

#[tokio::test]
async fn a_commit_is_written_as_a_whole_or_not_at_all() {
    let (store, ids, _folder) = store_with(1).await;
    let before = store.snapshot(&ids[0]).await.unwrap().unwrap();
    let broken = commit(
        &ids[0],
        before.version,
        vec![send("a"), complete("unknown")],
    );
    assert!(store.commit(broken).await.is_err());
    let after = store.snapshot(&ids[0]).await.unwrap().unwrap();
    assert_eq!((after.version, after.pending), (before.version, None));
    assert!(store.outbox(&ids[0]).await.unwrap().is_empty());
}

#[tokio::test]
async fn no_command_gets_a_second_outcome_whoever_asks() {
    let (store, ids, _folder) = store_with(1).await;
    let version = store.snapshot(&ids[0]).await.unwrap().unwrap().version;
    store
        .commit(commit(&ids[0], version, vec![send("a")]))
        .await
        .unwrap();
    store
        .commit(commit(&ids[0], version + 1, vec![complete("a")]))
        .await
        .unwrap();
    assert!(
        store.outbox(&ids[0]).await.unwrap().is_empty(),
        "it is delivered no more"
    );
    let again = Change::Complete {
        command: "a".into(),
        outcome: Outcome::Success,
    };
    assert!(
        store
            .commit(commit(&ids[0], version + 2, vec![again]))
            .await
            .is_err()
    );
    let kept = store.command(&ids[0], "a").await.unwrap().unwrap();
    assert_eq!(kept.status, Status::Failed(Failure::Cancelled));
    assert_eq!(kept.completed_at, Some(7));
}

#[tokio::test]
async fn what_was_sealed_for_a_command_is_deleted_with_its_outcome_or_when_its_device_is_revoked() {
    let (store, ids, folder) = store_with(2).await;
    let changes = [
        ("completed", complete("completed")),
        ("revoked", Change::Revoke),
    ];
    for ((id, change), device) in changes.into_iter().zip(&ids) {
        let sealed = Sealed {
            key: vec![1],
            ciphertext: format!("for the one that is {id}: ")
                .repeat(20)
                .into_bytes(),
        };
        // As it lies in a row.
        let row = serde_json::to_value(&sealed).unwrap();
        let kept = &row["ciphertext"].as_str().unwrap()[..100];
        send_with(store.as_ref(), device, id, sealed.clone()).await;
        let waiting = store.outbox(device).await.unwrap();
        assert_eq!(waiting[0].sealed.as_ref(), Some(&sealed));
        assert!(is_stored(folder.path(), kept), "what is looked for");

        let version = store.snapshot(device).await.unwrap().unwrap().version;
        let change = commit(device, version, vec![change]);
        store.commit(change).await.unwrap();
        let waiting = store.outbox(device).await.unwrap();
        assert!(waiting.iter().all(|it| it.sealed.is_none()), "{id}");
        if let Some(rows) = database::rows(folder.path()) {
            assert!(!is_in(&rows, kept), "{id}");
        }
    }
}

#[tokio::test]
async fn a_job_that_fails_takes_none_of_its_neighbours_in_the_commit_with_it() {
    let (store, ids, _folder) = store_with(40).await;
    let mut tasks = Vec::new();
    for (number, id) in ids.iter().enumerate() {
        let (store, id) = (Arc::clone(&store), id.clone());
        let stale = number % 2 == 1;
        tasks.push(tokio::spawn(async move {
            let version = store.snapshot(&id).await.unwrap().unwrap().version;
            let change = send(&format!("command of {id}"));
            store
                .commit(commit(&id, version - i64::from(stale), vec![change]))
                .await
                .is_ok()
        }));
    }
    for (number, task) in tasks.into_iter().enumerate() {
        let committed = task.await.unwrap();
        assert_eq!(committed, number % 2 == 0);
        assert_eq!(
            store.history(&ids[number], 10).await.unwrap().len(),
            usize::from(committed)
        );
    }
}

#[tokio::test]
async fn an_enrollment_token_takes_in_one_device_and_not_after_its_time() {
    let (store, _ids, _folder) = store_with(0).await;
    store
        .add_enrollment_token(token::digest("once"), vec![], 100, made_by_admin())
        .await
        .unwrap();
    assert!(
        store
            .enroll(token::digest("once"), device("a", 99))
            .await
            .unwrap()
    );
    assert!(
        !store
            .enroll(token::digest("once"), device("b", 99))
            .await
            .unwrap()
    );
    store
        .add_enrollment_token(token::digest("late"), vec![], 100, made_by_admin())
        .await
        .unwrap();
    assert!(
        !store
            .enroll(token::digest("late"), device("c", 100))
            .await
            .unwrap()
    );
    assert!(
        !store
            .enroll(token::digest("never made"), device("d", 1))
            .await
            .unwrap()
    );
    let taken = store
        .summary(&DeviceScope::ALL, &DeviceFilter::default())
        .await;
    assert_eq!(taken.unwrap().devices, 1);
}

#[tokio::test]
async fn only_a_pending_command_whose_time_is_over_is_overdue() {
    let (store, ids, _folder) = store_with(1).await;
    let version = store.snapshot(&ids[0]).await.unwrap().unwrap().version;
    store
        .commit(commit(&ids[0], version, vec![send("a")]))
        .await
        .unwrap();
    assert!(store.overdue(49, None, 10).await.unwrap().is_empty());
    assert_eq!(
        store.overdue(50, None, 10).await.unwrap(),
        [Overdue {
            device: ids[0].clone(),
            command: "a".into(),
            expires_at: 50
        }]
    );
    store
        .commit(commit(&ids[0], version + 1, vec![complete("a")]))
        .await
        .unwrap();
    assert!(store.overdue(50, None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn overdue_commands_are_read_page_by_page_and_none_is_left_out() {
    let (store, ids, _folder) = store_with(5).await;
    for (number, id) in ids.iter().enumerate() {
        let version = store.snapshot(id).await.unwrap().unwrap().version;
        let sent = commit(id, version, vec![send(&format!("command {number}"))]);
        store.commit(sent).await.unwrap();
    }
    let mut read: Vec<Overdue> = Vec::new();
    loop {
        let page = store.overdue(50, read.last(), 2).await.unwrap();
        if page.is_empty() {
            break;
        }
        read.extend(page);
    }
    let devices: Vec<String> = read.into_iter().map(|it| it.device).collect();
    assert_eq!(devices, ids);
}

#[tokio::test]
async fn every_decision_leaves_a_line_in_the_audit_trail_with_the_plugins_digest() {
    let fleet = TestHost::new().await;
    let agent = fleet.enroll(owner()).await;
    let reset = fleet.reset(&agent, "7394").await.unwrap();
    fleet.report(&agent, &reset, DeviceOutcome::Success).await;
    let lines = fleet
        .server
        .audit_trail
        .of_device(&admin(), &agent.device, 10)
        .await
        .unwrap();
    let deeds: Vec<_> = lines
        .iter()
        .map(|it| (it.actor.as_str(), it.action.as_str()))
        .collect();
    assert_eq!(
        deeds,
        [
            ("agent", "report"),
            ("token admin", "reset"),
            ("agent", "enroll")
        ]
    );
    assert_eq!(lines[1].command.as_ref(), Some(&reset.id));
    assert_eq!(lines[1].plugin.as_ref().map(String::len), Some(64));
}

async fn send_sealed(store: &dyn Store, device: &str, id: &str) {
    let sealed = Sealed {
        key: vec![1],
        ciphertext: vec![2],
    };
    send_with(store, device, id, sealed).await;
}

async fn send_with(store: &dyn Store, device: &str, id: &str, sealed: Sealed) {
    let version = store.snapshot(device).await.unwrap().unwrap().version;
    let sent = Change::Send {
        command: command(id),
        sealed: Some(sealed),
    };
    let sent = commit(device, version, vec![sent]);
    store.commit(sent).await.unwrap();
}

#[tokio::test]
async fn a_device_is_woken_again_ever_less_often_until_its_command_has_an_outcome() {
    let (store, ids, _folder) = store_with(1).await;
    send_sealed(store.as_ref(), &ids[0], "a").await;
    let (requested_at, made_at) = (command("a").requested_at, 7);
    let claim = async |now| store.claim_wake_ups(now, 10).await.unwrap();
    let mut now = made_at + FIRST_PAUSE;
    assert!(
        claim(now - 1).await.is_empty(),
        "who made it has woken the device"
    );
    for _ in 0..20 {
        assert_eq!(claim(now).await, ids);
        let pause = (now - requested_at).clamp(FIRST_PAUSE, MAX_BACKOFF);
        assert!(claim(now + pause - 1).await.is_empty());
        now += pause;
    }
    assert!(now > made_at + 8 * MAX_BACKOFF, "{now}");
    assert_eq!(claim(1).await, ids, "the clock was set back");
    let version = store.snapshot(&ids[0]).await.unwrap().unwrap().version;
    let completed = commit(&ids[0], version, vec![complete("a")]);
    store.commit(completed).await.unwrap();
    assert!(claim(2 * now).await.is_empty());
}

#[tokio::test]
async fn of_many_who_wake_devices_each_gets_others_and_none_one_that_was_revoked() {
    let (store, ids, _folder) = store_with(41).await;
    for (number, id) in ids.iter().enumerate() {
        send_sealed(store.as_ref(), id, &format!("command-{number}")).await;
    }
    let version = store.snapshot(&ids[40]).await.unwrap().unwrap().version;
    let revoked = commit(&ids[40], version, vec![Change::Revoke]);
    store.commit(revoked).await.unwrap();
    let claim = || store.claim_wake_ups(7 + FIRST_PAUSE, 15);
    let (one, two, three) = tokio::join!(claim(), claim(), claim());
    let claims = [one.unwrap(), two.unwrap(), three.unwrap()];
    assert!(claims.iter().all(|it| it.len() <= 15), "{claims:?}");
    let mut claimed = claims.concat();
    // A claim during another claim may have returned none.
    claimed.extend(claim().await.unwrap());
    claimed.extend(claim().await.unwrap());
    claimed.sort();
    assert_eq!(claimed, ids[..40]);
}

#[tokio::test]
async fn a_choice_that_is_forgotten_keeps_its_number_so_that_nobody_takes_a_later_one_for_it() {
    let (store, _, _folder) = store_with(0).await;
    let choose = async |number, digest: &str| {
        let chosen = ChosenPlugin {
            digest: Some(digest.into()),
            settings: Some("{}".into()),
            is_promoted: true,
        };
        let choice = PluginChoice {
            number,
            active: chosen,
            previous: ChosenPlugin::DEFAULT,
        };
        let file = PluginFile {
            bytes: digest.into(),
            signature: None,
        };
        let line = AuditEntry::new(1, &admin(), "use-plugin");
        store.choose_plugin(choice, Some(file), line.into()).await
    };
    store.forget_plugin_choice().await.unwrap();
    assert_eq!(store.plugin_choice().await.unwrap(), None);
    choose(1, "a").await.unwrap();
    store.forget_plugin_choice().await.unwrap();
    let nothing = PluginChoice {
        number: 2,
        active: ChosenPlugin::DEFAULT,
        previous: ChosenPlugin::DEFAULT,
    };
    assert_eq!(store.plugin_choice().await.unwrap(), Some(nothing));
    assert_eq!(store.plugin_file("a").await.unwrap(), None);
    let again = choose(1, "b").await;
    assert!(matches!(again, Err(StoreError::Conflict)));
    choose(3, "b").await.unwrap();
}

#[tokio::test]
async fn no_session_is_opened_by_a_password_that_was_replaced_while_it_was_compared() {
    let (store, _, _folder) = store_with(0).await;
    let alice = User {
        name: "alice".into(),
        role: Role::Helpdesk,
        scope: DeviceScope::ALL,
        password: None,
        totp: None,
        created_at: 1,
    };
    let line = |action: &str| AuditEntry::new(1, &admin(), action);
    let invitation = NewInvitation {
        token: token::digest("first"),
        expires_at: 1000,
        audit: line("invite"),
    };
    let added = store.add_user(alice, invitation, line("add-user").into());
    assert!(added.await.unwrap());
    let choose = async |password: &str| {
        let link = token::digest(password);
        let invited = store.add_invitation(link, "alice", 1000, line("invite").into());
        assert!(invited.await.unwrap());
        let chosen = store.accept_invitation(link, password.into(), line("choose-password").into());
        assert!(chosen.await.unwrap());
    };
    let opens = async |user: &str, password: &str| {
        let session = token::digest(&format!("{user} {password}"));
        let opened = store.open_session(session, user, password, 1, line("sign-in").into());
        let opened = opened.await.unwrap();
        assert_eq!(store.session(session).await.unwrap().is_some(), opened);
        opened
    };
    choose("old").await;
    assert!(opens("alice", "old").await);
    choose("new").await;
    assert!(!opens("alice", "old").await);
    assert!(!opens("bob", "new").await);
    assert!(opens("alice", "new").await);
    let all = AuditFilter::default();
    let device_info = store.audit(&all, None, 10);
    let device_info = device_info.await.unwrap();
    let sign_ins = device_info
        .iter()
        .filter(|line| line.entry.action == "sign-in");
    assert_eq!(sign_ins.count(), 2, "of those that were opened");
}
