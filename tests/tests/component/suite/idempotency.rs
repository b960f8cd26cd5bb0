//! Idempotency keys: a request with one is executed once, and its retries get its response.

use crate::{
    calls::{Host, assert_problem, send},
    database,
    test_host::{TestHost, admin, is_stored, owner},
};
use futures_util::future::join_all;
use mdm_contract::{
    Action, Characters, Command, DeviceOutcome, Outcome, PasswordRule, ResetOptions, Status,
    time::Timestamp,
};
use mdm_server_core::{
    access::{DeviceScope, Role},
    audit::AuditEntry,
    change::Change,
    store::{
        Commit, PluginFile, RESPONSE_RETENTION, RequestRecord, Store, StoreError, StoredResponse,
    },
};
use mdm_server_http::api::document;
use mdm_tests::plugins::CORPORATE;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[tokio::test]
async fn a_retry_gets_the_response_of_the_first_execution_and_does_nothing_twice() {
    let host = Host::new().await;
    let (status, is_replayed, first) = host.keyed("k", "1234").await;
    assert_eq!((status, is_replayed), (StatusCode::CREATED, false));
    let again = (StatusCode::CREATED, true, first.clone());
    assert_eq!(host.keyed("k", "1234").await, again);
    let host = host.restarted().await;
    assert_eq!(host.keyed("k", "1234").await, again, "after a restart");
    assert_eq!(host.commands().await, 1);

    let (_, _, other) = host.keyed("k", "5678").await;
    assert_problem(
        &other,
        StatusCode::UNPROCESSABLE_ENTITY,
        "idempotency-key-reused",
    );
    let elsewhere = host
        .call(Method::POST, "/password/remove")
        .json(&json!({}))
        .header("idempotency-key", "k");
    let elsewhere = send(elsewhere).await.json().await.unwrap();
    assert_problem(
        &elsewhere,
        StatusCode::UNPROCESSABLE_ENTITY,
        "idempotency-key-reused",
    );
    assert_eq!(host.commands().await, 1);
}

#[tokio::test]
async fn a_retry_after_a_newer_reset_changes_nothing() {
    let host = Host::new().await;
    let (_, _, first) = host.keyed("k", "1111").await;
    let command: Command = serde_json::from_value(first).unwrap();
    let fleet = &host.fleet;
    fleet
        .report(&host.agent, &command, DeviceOutcome::Success)
        .await;
    let newer = fleet.reset(&host.agent, "2222").await.unwrap();
    fleet
        .report(&host.agent, &newer, DeviceOutcome::Success)
        .await;
    let (status, is_replayed, again) = host.keyed("k", "1111").await;
    assert_eq!((status, is_replayed), (StatusCode::CREATED, true));
    assert_eq!(
        (&again["id"], &again["status"]),
        (&json!(command.id), &json!("success")),
        "the command that was made, as it is now"
    );
    assert_eq!(host.commands().await, 2);
}

#[tokio::test]
async fn a_request_that_is_refused_stores_nothing_and_its_retry_is_executed() {
    let host = Host::new().await;
    assert_eq!(host.keyed("k", "1234").await.0, StatusCode::CREATED);
    for _ in 0..2 {
        let (status, is_replayed, _) = host.keyed("another", "5678").await;
        assert_eq!((status, is_replayed), (StatusCode::CONFLICT, false));
    }
    let by = admin();
    let pending = host.fleet.server.commands.history(&by, &host.agent.device);
    let pending = pending.await.unwrap().remove(0);
    host.fleet
        .report(&host.agent, &pending, DeviceOutcome::Success)
        .await;
    let (status, is_replayed, _) = host.keyed("another", "5678").await;
    assert_eq!((status, is_replayed), (StatusCode::CREATED, false));
}

#[tokio::test]
async fn requests_with_one_key_at_the_same_time_make_one_command_and_all_get_it() {
    let host = Host::new().await;
    let answers = join_all((0..16).map(|_| host.keyed("k", "1234"))).await;
    for (status, _, answer) in &answers {
        assert_eq!(*status, StatusCode::CREATED, "{answer}");
        assert_eq!(answer["id"], answers[0].2["id"]);
    }
    assert_eq!(answers.iter().filter(|(_, again, _)| !again).count(), 1);
    assert_eq!(host.commands().await, 1);
}

#[tokio::test]
async fn a_key_is_its_callers_own_and_a_response_is_for_who_may_have_it() {
    let mut host = Host::new().await;
    assert_eq!(host.keyed("k", "1234").await.0, StatusCode::CREATED);
    let first = host.token.clone();
    let fleet = &host.fleet;
    let second = fleet.token("two", Role::Admin.permissions(), DeviceScope::ALL);
    host.token = second.await;
    let (status, is_replayed, _) = host.keyed("k", "1234").await;
    assert_eq!((status, is_replayed), (StatusCode::CONFLICT, false));

    // A token that may less takes the name of the first.
    let server = &host.fleet.server;
    server.identity.remove_token(&admin(), "one").await.unwrap();
    let third = host
        .fleet
        .token("one", Role::Helpdesk.permissions(), DeviceScope::ALL);
    host.token = third.await;
    let (_, is_replayed, answer) = host.keyed("k", "1234").await;
    assert!(!is_replayed);
    assert_problem(
        &answer,
        StatusCode::UNPROCESSABLE_ENTITY,
        "idempotency-key-reused",
    );
    host.token = first;
    let (status, is_replayed, _) = host.keyed("k", "1234").await;
    assert_eq!((status, is_replayed), (StatusCode::UNAUTHORIZED, false));
}

#[tokio::test]
async fn what_is_no_key_is_refused_and_the_password_export_of_a_bulk_takes_none() {
    let host = Host::new().await;
    for key in ["", "two words", &"k".repeat(256)] {
        let (_, _, answer) = host.keyed(key, "1234").await;
        assert_problem(&answer, StatusCode::BAD_REQUEST, "bad-idempotency-key");
    }
    let export = format!("{}/api/v1/bulks/some/passwords.csv", host.url);
    let export = host.client.post(export).bearer_auth(&host.token);
    let export = send(export.header("idempotency-key", "k")).await;
    assert_problem(
        &export.json().await.unwrap(),
        StatusCode::BAD_REQUEST,
        "bad-idempotency-key",
    );
    assert_eq!(host.commands().await, 0);
    let longest = "k".repeat(255);
    assert_eq!(host.keyed(&longest, "1234").await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn the_store_keeps_neither_the_password_of_a_request_nor_the_secret_of_its_response() {
    let host = Host::with_rule(PasswordRule {
        characters: Characters::Alphanumeric,
        minimum_length: 8,
        maximum_length: 16,
    });
    let host = host.await;
    let (key, password) = ("a-key-that-is-kept", "correct7horse4ba");
    assert_eq!(host.keyed("k", password).await.0, StatusCode::CREATED);
    let made = || {
        let url = format!("{}/api/v1/enrollment-tokens", host.url);
        let call = host.client.post(url).bearer_auth(&host.token);
        send(call.json(&json!({})).header("idempotency-key", key))
    };
    let token: Value = made().await.json().await.unwrap();
    assert_eq!(token, made().await.json::<Value>().await.unwrap());
    let token = token["token"].as_str().unwrap();
    let holds = |text: &str| is_stored(host.fleet.folder(), text);
    assert!(holds(key), "what is looked through is the store");
    assert!(!holds(password) && !holds(token));
}

#[tokio::test]
async fn a_retry_after_the_store_failed_is_executed_as_nothing_was_made() {
    let host = Host::new().await;
    let lost = |from: &str, to: &str| {
        let sql = format!("alter table {from} rename to {to}");
        database::execute(host.fleet.folder(), &sql);
    };
    lost("outbox", "lost");
    let (status, _, failed) = host.keyed("k", "1234").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{failed}");
    lost("lost", "outbox");
    let (status, is_replayed, _) = host.keyed("k", "1234").await;
    assert_eq!((status, is_replayed), (StatusCode::CREATED, false));
    assert_eq!(host.commands().await, 1);
}

/// Sends each request twice with a key of its own, and checks that the second gets the response of the first.
struct Twice {
    host: Host,
    store: std::sync::Arc<dyn Store>,
    operations: BTreeSet<String>,
}

impl Twice {
    /// `operation` is the path as the document has it, `path` the same with its variable parts filled in.
    async fn send(&mut self, operation: &str, path: &str, body: Value) -> Value {
        let key = format!("key-of-{}", self.operations.len());
        let mut answers = Vec::new();
        for is_replayed in [false, true] {
            let call = self
                .host
                .client
                .post(format!("{}/api/v1{path}", self.host.url));
            let call = call.bearer_auth(&self.host.token).json(&body);
            let answer = send(call.header("idempotency-key", &key)).await;
            let (status, headers) = (answer.status(), answer.headers().clone());
            let text = answer.text().await.unwrap();
            assert!(status.is_success(), "{operation}: {status} {text}");
            let says_so = headers.contains_key("idempotency-replayed");
            assert_eq!(says_so, is_replayed, "{operation}: {text}");
            let answer: Value = serde_json::from_str(&text).unwrap();
            answers.push((status, answer));
        }
        assert_eq!(answers[0], answers[1], "{operation}");
        let stored = self.store.stored_response("token one", &key).await.unwrap();
        assert!(stored.is_some(), "{operation} stores its response");
        self.operations.insert(format!("/api/v1{operation}"));
        answers.remove(0).1
    }
}

#[tokio::test]
async fn each_operation_that_takes_a_key_stores_its_response() {
    let host = Host::new().await;
    host.fleet.enroll_in(owner(), &["sales"]).await;
    let store = database::open(host.fleet.folder()).await;
    let mut twice = Twice {
        store,
        operations: BTreeSet::new(),
        host,
    };
    let device = twice.host.agent.device.clone();
    let of = |operation: &str| operation.replace("{device}", &device);
    let id = |answer: &Value| answer["id"].as_str().unwrap().to_owned();

    let reset = "/devices/{device}/password/reset";
    let body = json!({"password": "1234"});
    let command = id(&twice.send(reset, &of(reset), body).await);
    let cancel = "/devices/{device}/commands/{command}/cancel";
    let path = of(cancel).replace("{command}", &command);
    let cancelled = twice.send(cancel, &path, json!({})).await;
    assert_eq!(cancelled["status"]["failed"], "cancelled");
    let policy = json!({"requirement": {"quality": "numeric"}, "minimum_length": 4});
    let policy = twice.host.call(Method::PUT, "/policy").json(&policy);
    assert_eq!(send(policy).await.status(), StatusCode::OK);
    let remove = "/devices/{device}/password/remove";
    twice.send(remove, &of(remove), json!({})).await;
    let revoke = "/devices/{device}/revoke";
    let revoked = twice.send(revoke, &of(revoke), json!({})).await;
    assert!(revoked["revoked_at"].is_string(), "{revoked}");
    let by = admin();
    let commands = twice.host.fleet.server.commands.history(&by, &device);
    let pending = |it: &Command| it.status == Status::Pending;
    assert!(!commands.await.unwrap().iter().any(pending));

    let tokens = "/enrollment-tokens";
    twice.send(tokens, tokens, json!({})).await;
    let bulk = json!({"action": "reset", "group": "sales", "password": "1234"});
    let bulk = id(&twice.send("/bulks", "/bulks", bulk).await);
    let cancel = "/bulks/{bulk}/cancel";
    let path = cancel.replace("{bulk}", &bulk);
    twice.send(cancel, &path, json!({})).await;

    let user = json!({"name": "bob", "role": "viewer", "groups": null});
    twice.send("/users", "/users", user).await;
    let invitation = "/users/{user}/invitation";
    twice
        .send(invitation, "/users/bob/invitation", json!({}))
        .await;
    let token = json!({"name": "backup", "permissions": ["see"], "groups": null});
    twice.send("/tokens", "/tokens", token).await;

    let webhook = json!({"url": "https://nowhere.invalid/", "groups": null});
    let webhook = id(&twice.send("/webhooks", "/webhooks", webhook).await);
    // A pause of what is paused changes nothing, and is done all the same.
    for action in ["test", "secret", "resume", "pause"] {
        let operation = format!("/webhooks/{{webhook}}/{action}");
        let path = operation.replace("{webhook}", &webhook);
        twice.send(&operation, &path, json!({})).await;
    }

    let corporate = PluginFile {
        bytes: CORPORATE.to_vec(),
        signature: None,
    };
    let server = &twice.host.fleet.server;
    server
        .plugins
        .use_plugin(&admin(), corporate, None)
        .await
        .unwrap();
    let roll_back = "/plugin/roll-back";
    twice.send(roll_back, roll_back, json!({})).await;

    let document = serde_json::to_value(document::document()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let takes_key = |operations: &Value| {
        let parameters = operations["post"]["parameters"].as_array();
        parameters.is_some_and(|it| it.iter().any(|it| it["name"] == "idempotency-key"))
    };
    let declared = paths.iter().filter(|(_, operations)| takes_key(operations));
    let declared = declared.map(|(path, _)| path.clone()).collect();
    assert_eq!(twice.operations, declared);
}

fn stored(key: &str, created_at: Timestamp) -> StoredResponse {
    StoredResponse {
        caller: "token one".into(),
        key: key.into(),
        request: [1; 32],
        response: b"sealed".to_vec(),
        created_at,
    }
}

/// A commit that sends a command, with the response of its request.
fn commit(device: &str, version: i64, command: &str, response: StoredResponse) -> Commit {
    Commit {
        device: device.into(),
        version,
        at: 7,
        changes: vec![Change::Send {
            command: Command {
                id: command.into(),
                action: Action::Remove,
                options: ResetOptions::default(),
                status: Status::Pending,
                requested_at: 5,
                completed_at: None,
                expires_at: None,
                late_outcome: None,
            },
            sealed: None,
        }],
        bulk: None,
        audit: Some(RequestRecord {
            entry: AuditEntry::new(7, &admin(), "remove"),
            response: Some(response),
        }),
    }
}

#[tokio::test]
async fn a_response_and_what_its_request_made_are_committed_together_or_not_at_all() {
    let host = Host::new().await;
    let other = host.fleet.enroll(owner()).await;
    let third = host.fleet.enroll(owner()).await;
    let (one, two) = (host.agent.device.as_str(), other.device.as_str());
    let third = third.device.as_str();
    let store = database::open(host.fleet.folder()).await;
    let version = async |device| store.snapshot(device).await.unwrap().unwrap().version;
    let lines = async || store.audit_lines(0, 100).await.unwrap().0.len();

    // A failed commit stores no response.
    let mut broken = commit(one, version(one).await, "a", stored("k", 100));
    broken.changes.push(Change::Complete {
        command: "unknown".into(),
        outcome: Outcome::Success,
    });
    store.commit(broken).await.unwrap_err();
    assert_eq!(store.stored_response("token one", "k").await.unwrap(), None);
    let stale = commit(one, version(one).await + 1, "a", stored("k", 100));
    store.commit(stale).await.unwrap_err();
    assert_eq!(store.stored_response("token one", "k").await.unwrap(), None);

    let first = commit(one, version(one).await, "a", stored("k", 100));
    store.commit(first).await.unwrap();
    let response = store.stored_response("token one", "k").await.unwrap();
    assert_eq!(response, Some(stored("k", 100)));

    // A taken key leaves nothing of its commit, also beside others in one transaction.
    let (before, written) = (version(two).await, lines().await);
    let taken = commit(two, before, "b", stored("k", 101));
    let free = commit(third, version(third).await, "c", stored("another", 101));
    let (taken, free) = tokio::join!(store.commit(taken), store.commit(free));
    assert!(
        matches!(taken, Err(StoreError::IdempotencyKeyTaken)),
        "{taken:?}"
    );
    free.unwrap();
    assert_eq!(version(two).await, before);
    assert!(store.history(two, 10).await.unwrap().is_empty());
    assert_eq!(lines().await, written + 1, "the other one's");
    assert!(
        store
            .stored_response("token one", "another")
            .await
            .unwrap()
            .is_some()
    );
    let response = store.stored_response("token one", "k").await.unwrap();
    assert_eq!(response, Some(stored("k", 100)), "that of the first");
    assert_eq!(store.stored_response("token two", "k").await.unwrap(), None);
}

#[tokio::test]
async fn a_key_is_free_again_once_its_response_has_expired_and_expired_responses_go() {
    let folder = tempfile::TempDir::new().unwrap();
    let store = database::open(folder.path()).await;
    let put = async |key: &str, at| store.store_response(stored(key, at)).await;
    for number in 0..40 {
        put(&format!("old-{number}"), 1).await.unwrap();
    }
    put("k", 100).await.unwrap();
    let taken = put("k", 100 + RESPONSE_RETENTION).await;
    assert!(
        matches!(taken, Err(StoreError::IdempotencyKeyTaken)),
        "{taken:?}"
    );
    let much_later = 101 + RESPONSE_RETENTION;
    for number in 0..3 {
        put(&format!("new-{number}"), much_later).await.unwrap();
    }
    for number in 0..40 {
        let key = format!("old-{number}");
        let gone = store.stored_response("token one", &key);
        assert_eq!(gone.await.unwrap(), None, "{number}");
    }
    put("k", much_later).await.unwrap();
    let response = store.stored_response("token one", "k").await.unwrap();
    assert_eq!(response.unwrap().created_at, much_later);
}

#[tokio::test]
async fn an_expired_response_goes_by_itself_when_no_other_is_stored() {
    let fleet = TestHost::new().await;
    let store = database::open(fleet.folder()).await;
    for number in 0..40 {
        let old = stored(&format!("old-{number}"), 1);
        store.store_response(old).await.unwrap();
    }
    let now = mdm_contract::time::now();
    store.store_response(stored("new", now)).await.unwrap();
    let left = async || store.stored_response("token one", "old-39").await.unwrap();
    assert!(left().await.is_some());
    let server = std::sync::Arc::clone(&fleet.server);
    let clock = tokio::spawn(async move { server.tasks.expiry.run(server.closing()).await });
    let gone = async {
        while left().await.is_some() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let gone = tokio::time::timeout(std::time::Duration::from_secs(20), gone);
    gone.await.expect("the expired response is still there");
    let new = store.stored_response("token one", "new").await.unwrap();
    assert!(new.is_some(), "what has not expired stays");
    fleet.server.close();
    clock.await.unwrap();
}
