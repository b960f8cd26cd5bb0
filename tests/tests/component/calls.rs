//! Calls of the API that come too late, since what they rest on has changed, and calls that come twice.

use crate::{
    database,
    fleet::{Agent, Fleet, admin, client, is_stored, owner},
};
use mdm_host::{
    access::{Reach, Role},
    store::{Begun, KeyTimes, KeyedCall},
};
use mdm_wire::{
    decisions::{Characters, PasswordRule},
    words::Outcome,
};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, header};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// A host that listens, with one device.
struct Host {
    fleet: Fleet,
    agent: Agent,
    url: String,
    token: String,
    client: Client,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Host {
    async fn new() -> Self {
        Self::with_rule(PasswordRule::default()).await
    }

    async fn with_rule(rule: PasswordRule) -> Self {
        let fleet = Fleet::with_rule(rule).await;
        let agent = fleet.enroll(owner()).await;
        let token = fleet.token("one", Role::Admin.permissions(), Reach::ALL);
        let token = token.await;
        let (url, serving) = fleet.listens().await;
        Self {
            fleet,
            agent,
            url,
            token,
            client: client(),
            serving,
        }
    }

    /// A call about the device.
    fn call(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}/api/v1/devices/{}{path}", self.url, self.agent.device);
        self.client.request(method, url).bearer_auth(&self.token)
    }

    /// The host stops and starts again.
    async fn restarted(self) -> Self {
        self.serving.abort();
        let _ = self.serving.await;
        drop(self.client);
        let fleet = self.fleet.restarted().await;
        let (url, serving) = fleet.listens().await;
        Self {
            fleet,
            url,
            serving,
            client: client(),
            ..self
        }
    }

    /// A reset with a key.
    async fn keyed(&self, key: &str, password: &str) -> (StatusCode, bool, Value) {
        let answer = send(self.reset(password).header("idempotency-key", key)).await;
        let is_replayed = answer.headers().contains_key("idempotency-replayed");
        (answer.status(), is_replayed, answer.json().await.unwrap())
    }

    fn reset(&self, password: &str) -> RequestBuilder {
        let body = json!({"password": password});
        self.call(Method::POST, "/password/reset").json(&body)
    }

    async fn tag(&self, path: &str) -> String {
        let answer = send(self.call(Method::GET, path)).await;
        answer.headers()[header::ETAG].to_str().unwrap().to_owned()
    }

    async fn commands(&self) -> usize {
        let (by, device) = (admin(), &self.agent.device);
        let status = self.fleet.service.status(&by, device);
        status.await.unwrap().1.len()
    }
}

async fn send(request: RequestBuilder) -> Response {
    request.send().await.unwrap()
}

#[track_caller]
fn assert_problem(answer: &Value, status: StatusCode, kind: &str) {
    assert_eq!(
        (&answer["status"], &answer["type"]),
        (&json!(status.as_u16()), &json!(kind)),
        "{answer}"
    );
}

#[tokio::test]
async fn what_rests_on_an_old_look_at_a_device_is_refused_and_changes_nothing() {
    let host = Host::new().await;
    let old = host.tag("").await;
    let reset = send(host.reset("1234").header(header::IF_MATCH, &old)).await;
    assert_eq!(reset.status(), StatusCode::CREATED);
    let command: Value = reset.json().await.unwrap();
    let cancel = format!("/commands/{}/cancel", command["id"].as_str().unwrap());
    let cancelled = send(host.call(Method::POST, &cancel)).await;
    assert_eq!(cancelled.status(), StatusCode::OK);

    let policy = json!({"requirement": {"quality": "numeric"}, "minimum_length": 4});
    for request in [
        host.reset("1234"),
        host.call(Method::POST, "/password/remove").json(&json!({})),
        host.call(Method::PUT, "/policy").json(&policy),
        host.call(Method::DELETE, "/policy"),
        host.call(Method::POST, "/revoke").json(&json!({})),
    ] {
        let answer = send(request.header(header::IF_MATCH, &old)).await;
        let answer = answer.json().await.unwrap();
        assert_problem(&answer, StatusCode::PRECONDITION_FAILED, "device-changed");
    }
    assert_eq!(host.commands().await, 1);
    let (device, _) = host
        .fleet
        .service
        .device(&admin(), &host.agent.device)
        .await
        .unwrap();
    assert_eq!((device.device.policy, device.revoked_at), (None, None));

    let now = host.tag("").await;
    let either = host
        .reset("1234")
        .header(header::IF_MATCH, format!("{old}, {now}"));
    assert_eq!(send(either).await.status(), StatusCode::CREATED);
    let whatever = host
        .call(Method::PUT, "/policy")
        .json(&policy)
        .header(header::IF_MATCH, "*");
    let answer = send(whatever).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(
        answer.headers()[header::ETAG].to_str().unwrap(),
        host.tag("").await,
        "the answer of a change tells the new tag"
    );
}

#[tokio::test]
async fn the_tag_of_a_device_changes_with_its_command_and_not_by_a_sync() {
    let host = Host::new().await;
    let path = "/password/status";
    let before = host.tag(path).await;
    assert_eq!(before, host.tag("").await, "both are of the device");
    host.fleet.sync(&host.agent).await;
    assert_eq!(before, host.tag(path).await, "after a sync");

    let command = host.fleet.reset(&host.agent, "1234").await.unwrap();
    let pending = host.tag(path).await;
    assert_ne!(before, pending, "after a reset");
    host.fleet
        .report(&host.agent, &command, Outcome::Success)
        .await;
    assert_ne!(pending, host.tag(path).await, "after its success");
}

#[tokio::test]
async fn a_call_that_comes_again_is_answered_again_and_does_nothing_twice() {
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
        .json(&json!({"password": "1234"}))
        .header("idempotency-key", "k");
    let elsewhere = send(elsewhere).await.json().await.unwrap();
    assert_problem(
        &elsewhere,
        StatusCode::UNPROCESSABLE_ENTITY,
        "idempotency-key-reused",
    );
    assert_eq!(host.commands().await, 1);

    let (status, is_replayed, refused) = host.keyed("another", "1234").await;
    assert_eq!((status, is_replayed), (StatusCode::CONFLICT, false));
    assert_eq!(refused["command"], first["id"]);
    let again = (StatusCode::CONFLICT, true, refused);
    assert_eq!(host.keyed("another", "1234").await, again);
}

#[tokio::test]
async fn calls_of_one_key_that_come_at_once_make_one_command() {
    let host = Host::new().await;
    let calls = (0..8).map(|_| host.keyed("k", "1234"));
    let answers = futures_util::future::join_all(calls).await;
    let made: Vec<_> = answers
        .iter()
        .filter(|(status, ..)| *status == StatusCode::CREATED)
        .collect();
    assert_eq!(made.iter().filter(|(_, again, _)| !again).count(), 1);
    for (status, _, answer) in &answers {
        if *status != StatusCode::CREATED {
            assert_problem(answer, StatusCode::CONFLICT, "idempotency-key-in-progress");
        }
    }
    assert_eq!(host.commands().await, 1);
}

#[tokio::test]
async fn a_key_is_its_callers_own_and_an_answer_is_for_who_may_have_it() {
    let mut host = Host::new().await;
    assert_eq!(host.keyed("k", "1234").await.0, StatusCode::CREATED);
    let first = host.token.clone();
    let fleet = &host.fleet;
    let second = fleet.token("two", Role::Admin.permissions(), Reach::ALL);
    host.token = second.await;
    let (status, is_replayed, _) = host.keyed("k", "1234").await;
    assert_eq!((status, is_replayed), (StatusCode::CONFLICT, false));

    // A token that may less takes the name of the first.
    let service = &host.fleet.service;
    service.remove_token(&admin(), "one").await.unwrap();
    let elsewhere = Reach(Some(["elsewhere".to_owned()].into()));
    let third = host
        .fleet
        .token("one", Role::Helpdesk.permissions(), elsewhere);
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
async fn what_is_no_key_is_refused_and_the_sheet_of_a_bulk_takes_none() {
    let host = Host::new().await;
    for key in ["", "two words", &"k".repeat(256)] {
        let (_, _, answer) = host.keyed(key, "1234").await;
        assert_problem(&answer, StatusCode::BAD_REQUEST, "bad-idempotency-key");
    }
    let sheet = format!("{}/api/v1/bulks/some/sheet.csv", host.url);
    let sheet = host.client.post(sheet).bearer_auth(&host.token);
    let sheet = send(sheet.header("idempotency-key", "k")).await;
    assert_problem(
        &sheet.json().await.unwrap(),
        StatusCode::BAD_REQUEST,
        "bad-idempotency-key",
    );
    assert_eq!(host.commands().await, 0);
    let longest = "k".repeat(255);
    assert_eq!(host.keyed(&longest, "1234").await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn the_store_keeps_neither_the_password_of_a_call_nor_the_secret_of_its_answer() {
    let host = Host::with_rule(PasswordRule {
        characters: Characters::Alphanumeric,
        minimum_length: 8,
        maximum_length: 32,
    });
    let host = host.await;
    let (key, password) = ("a-key-that-is-kept", "correct7horse4battery");
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
async fn a_key_is_free_again_when_its_call_will_have_no_answer_or_its_time_is_over() {
    let folder = tempfile::TempDir::new().unwrap();
    let store = database::open(folder.path()).await;
    let begin = |began_at: u64| {
        let call = KeyedCall {
            caller: "token one".into(),
            key: "k".into(),
            request: [1; 32],
            began_at,
        };
        let times = KeyTimes {
            kept_since: began_at.saturating_sub(1000),
            in_progress_since: began_at.saturating_sub(100),
        };
        (call, times)
    };
    let at = async |time| {
        let (call, times) = begin(time);
        store.begin_call(call, times).await.unwrap()
    };
    let end = async |time, answer: Option<&[u8]>| {
        let (call, _) = begin(time);
        let answer = answer.map(<[u8]>::to_vec);
        store.end_call(call, answer).await.unwrap();
    };
    assert_eq!(at(2000).await, Begun::Now);
    assert_eq!(at(2100).await, Begun::InProgress);
    assert_eq!(at(2101).await, Begun::Now, "its host has stopped");
    end(2000, Some(b"too late")).await;
    end(2000, None).await;
    assert_eq!(at(2102).await, Begun::InProgress, "of the second call");
    end(2101, None).await;
    assert_eq!(at(2103).await, Begun::Now, "the host failed");
    end(2103, Some(b"done")).await;
    assert_eq!(at(3103).await, Begun::Answered(b"done".to_vec()));
    assert_eq!(at(3104).await, Begun::Now, "its time is over");
}

#[tokio::test]
async fn a_key_stays_taken_while_nobody_knows_whether_its_call_was_committed() {
    let host = Host::new().await;
    let lost = |from: &str, to: &str| {
        let sql = format!("alter table {from} rename to {to}");
        database::told(host.fleet.folder(), &sql);
    };
    lost("outbox", "lost");
    let (status, _, failed) = host.keyed("k", "1234").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{failed}");
    lost("lost", "outbox");
    let (_, _, again) = host.keyed("k", "1234").await;
    assert_problem(&again, StatusCode::CONFLICT, "idempotency-key-in-progress");
    assert_eq!(host.commands().await, 0);
}

#[tokio::test]
async fn strangers_read_nothing_of_what_the_database_says() {
    let host = Host::new().await;
    for table in ["api_tokens", "users"] {
        let sql = format!("alter table {table} rename to lost_{table}");
        database::told(host.fleet.folder(), &sql);
    }
    let api = host.client.get(format!("{}/api/v1/devices", host.url));
    let page = host.client.post(format!("{}/sign-in", host.url));
    let page = page.body("name=alice&password=x");
    for stranger in [api.bearer_auth("mdm_token_of_nobody"), page] {
        let answer = send(stranger).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        let text = answer.text().await.unwrap();
        assert!(text.contains("log says why"), "{text}");
        let says = ["api_tokens", "users", "no such table", "relation"];
        assert!(!says.iter().any(|it| text.contains(it)), "{text}");
    }
}
