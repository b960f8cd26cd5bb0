//! Calls of the API that come too late, since what they rest on has changed.

use crate::{
    database,
    test_host::{Agent, TestHost, admin, client, owner},
};
use mdm_contract::{DeviceOutcome, PasswordRule};
use mdm_server_core::access::{DeviceScope, Role};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, header};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// A host that listens, with one device.
pub(crate) struct Host {
    pub(crate) fleet: TestHost,
    pub(crate) agent: Agent,
    pub(crate) url: String,
    pub(crate) token: String,
    pub(crate) client: Client,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Host {
    pub(crate) async fn new() -> Self {
        Self::with_rule(PasswordRule::default()).await
    }

    pub(crate) async fn with_rule(rule: PasswordRule) -> Self {
        Self::of(TestHost::with_rule(rule).await).await
    }

    pub(crate) async fn of(fleet: TestHost) -> Self {
        let agent = fleet.enroll(owner()).await;
        let token = fleet.token("one", Role::Admin.permissions(), DeviceScope::ALL);
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
    pub(crate) fn call(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}/api/v1/devices/{}{path}", self.url, self.agent.device);
        self.client.request(method, url).bearer_auth(&self.token)
    }

    /// The host stops and starts again.
    pub(crate) async fn restarted(self) -> Self {
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
    pub(crate) async fn keyed(&self, key: &str, password: &str) -> (StatusCode, bool, Value) {
        let answer = send(self.reset(password).header("idempotency-key", key)).await;
        let is_replayed = answer.headers().contains_key("idempotency-replayed");
        (answer.status(), is_replayed, answer.json().await.unwrap())
    }

    pub(crate) fn reset(&self, password: &str) -> RequestBuilder {
        let body = json!({"password": password});
        self.call(Method::POST, "/password/reset").json(&body)
    }

    pub(crate) async fn tag(&self, path: &str) -> String {
        let answer = send(self.call(Method::GET, path)).await;
        answer.headers()[header::ETAG].to_str().unwrap().to_owned()
    }

    pub(crate) async fn commands(&self) -> usize {
        let (by, device) = (admin(), &self.agent.device);
        let status = self.fleet.server.commands.status(&by, device);
        status.await.unwrap().1.len()
    }
}

pub(crate) async fn send(request: RequestBuilder) -> Response {
    request.send().await.unwrap()
}

#[track_caller]
pub(crate) fn assert_problem(answer: &Value, status: StatusCode, kind: &str) {
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
        .server
        .devices
        .get(&admin(), &host.agent.device)
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
        .report(&host.agent, &command, DeviceOutcome::Success)
        .await;
    assert_ne!(pending, host.tag(path).await, "after its success");
}

#[tokio::test]
async fn strangers_read_nothing_of_what_the_database_says() {
    let host = Host::new().await;
    for table in ["api_tokens", "users"] {
        let sql = format!("alter table {table} rename to lost_{table}");
        database::execute(host.fleet.folder(), &sql);
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
