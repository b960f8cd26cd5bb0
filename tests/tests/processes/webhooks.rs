//! Webhooks receive every change: in order, signed, and also after one side was down.

use super::secrets::EVERYTHING;
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
};
use mdm_server_core::webhook_client::Secret;
use mdm_tests::{
    counted::Counted,
    test_environment::{Make, TestEnvironment, free_port, http_client, wait_until},
};
use serde_json::{Value, json};
use std::{
    fs,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};
use tokio::{net::TcpListener, sync::oneshot};

/// It would stand out anywhere.
const PASSWORD: &str = "zebra7QUARTZ94";

const PRIVATE: &str = "--webhooks-to-private-networks";

/// A message as it came.
#[derive(Clone)]
struct Message {
    id: String,
    timestamp: u64,
    signatures: Vec<String>,
    body: Bytes,
}

impl Message {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn is_signed_with(&self, secret: &str) -> bool {
        let secret = Secret::read(secret).unwrap();
        let expected = secret.sign(&self.id, self.timestamp, &self.body);
        self.signatures.contains(&expected)
    }
}

/// The messages that a receiver got, and its response.
struct Inbox {
    messages: Mutex<Vec<Message>>,
    status: AtomicU16,
}

/// A receiver on the loopback, which may be away for a while.
struct Receiver {
    port: u16,
    inbox: Arc<Inbox>,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Receiver {
    /// One that is away.
    fn away() -> Self {
        let inbox = Inbox {
            messages: Mutex::default(),
            status: AtomicU16::new(204),
        };
        Self {
            port: free_port().unwrap(),
            inbox: Arc::new(inbox),
            running: None,
        }
    }

    fn start() -> Self {
        let mut receiver = Self::away();
        receiver.come_back();
        receiver
    }

    fn come_back(&mut self) {
        let (stop, stopped) = oneshot::channel();
        let (port, inbox) = (self.port, Arc::clone(&self.inbox));
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
                let router = Router::new().fallback(receive).with_state(inbox);
                tokio::select! {
                    served = axum::serve(listener, router).into_future() => served.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        self.running = Some((stop, thread));
    }

    fn answer(&self, status: u16) {
        self.inbox.status.store(status, Ordering::SeqCst);
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook?key=quetzal", self.port)
    }

    fn messages(&self) -> Vec<Message> {
        self.inbox.messages.lock().unwrap().clone()
    }

    fn kinds(&self) -> Vec<String> {
        let kind = |message: &Message| message.json()["type"].as_str().unwrap().to_owned();
        self.messages().iter().map(kind).collect()
    }

    /// Waits until it has got these, and nothing else.
    fn wait_for(&self, kinds: &[&str]) {
        let waited = wait_until("every event has arrived", || {
            Ok(self.messages().len() >= kinds.len())
        });
        assert_eq!(self.kinds(), kinds, "{waited:?}");
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            drop(stop);
            let _ = thread.join();
        }
    }
}

async fn receive(
    State(inbox): State<Arc<Inbox>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, [(header::HeaderName, &'static str); 1]) {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    inbox.messages.lock().unwrap().push(Message {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp").parse().unwrap(),
        signatures: header("webhook-signature")
            .split(' ')
            .map(str::to_owned)
            .collect(),
        body,
    });
    let status = StatusCode::from_u16(inbox.status.load(Ordering::SeqCst)).unwrap();
    (status, [(header::LOCATION, "/elsewhere")])
}

/// Adds a webhook; its id and its secret.
fn add(env: &TestEnvironment, receiver: &Receiver, args: &[&str]) -> (String, String) {
    let url = receiver.url();
    let asked = [&["webhook", "add", &url], args].concat();
    let made = env.ask(&asked, "").unwrap();
    let text = |field: &str| made[field].as_str().unwrap().to_owned();
    (text("id"), text("secret"))
}

/// Calls the API with this token; the status and the body of the answer.
fn call(
    env: &TestEnvironment,
    token: &str,
    method: &str,
    path: &str,
    body: &Value,
) -> (u16, Value) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let url = format!("{}/api/v1/{path}", env.url());
        let request = http_client()
            .request(method.parse().unwrap(), url)
            .bearer_auth(token);
        let request = match body {
            Value::Null => request,
            body => request.json(body),
        };
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.bytes().await.unwrap();
        (status, serde_json::from_slice(&text).unwrap_or_default())
    })
}

fn get(env: &TestEnvironment, webhook: &str) -> Value {
    let path = format!("webhooks/{webhook}");
    call(env, &env.token().unwrap(), "GET", &path, &Value::Null).1
}

#[test]
fn each_change_arrives_once_in_order_and_signed_and_no_secret_is_kept_or_told() {
    let args = ["--password-rule", "alphanumeric:8-16", PRIVATE];
    let env = TestEnvironment::with(&args, EVERYTHING).unwrap();
    let receiver = Receiver::start();
    let (webhook, secret) = add(&env, &receiver, &[]);
    let mut phone = env.enroll(Make::default()).unwrap();
    let policy = ["--quality", "numeric", "--minimum-length", "4"];
    env.ask(&[&["policy", "set", &phone.id], &policy[..]].concat(), "")
        .unwrap();
    phone.switch_on().unwrap();
    env.wait_online(&phone).unwrap();
    let reset = env
        .ask(&["password", "reset", &phone.id, "--yes"], PASSWORD)
        .unwrap();
    assert_eq!(env.outcome(&phone, &reset).unwrap()["status"], "success");
    let remove = env
        .ask(&["password", "remove", &phone.id, "--yes"], "")
        .unwrap();
    assert_eq!(env.outcome(&phone, &remove).unwrap()["status"], "success");
    phone.switch_off().unwrap();
    let token = env.token().unwrap();
    let path = format!("devices/{}/revoke", phone.id);
    assert_eq!(call(&env, &token, "POST", &path, &json!({})).0, 200);
    receiver.wait_for(&[
        "device.enrolled",
        "command.pending",
        "command.success",
        "policy.overridden",
        "command.pending",
        "command.success",
        "policy.enforced",
        "device.revoked",
    ]);
    let messages = receiver.messages();
    for message in &messages {
        assert!(message.is_signed_with(&secret));
        let same = messages.iter().filter(|it| it.id == message.id);
        assert_eq!(same.count(), 1, "{}", message.id);
        let data = &message.json()["data"];
        assert_eq!(
            (&data["device"], &data["name"]),
            (&json!(phone.id), &json!("phone"))
        );
    }
    let success = messages[2].json();
    assert_eq!(success["data"]["command"]["id"], reset["id"]);
    assert_eq!(success["data"]["command"]["status"], "success");
    let overridden = messages[3].json();
    let data = &overridden["data"];
    assert_eq!(data["policy_override"]["command"], reset["id"]);
    assert_eq!(data["policy"]["minimum_length"], 4);

    // The server notes an attempt after the receiver has answered.
    wait_until("the attempts are noted", || {
        Ok(get(&env, &webhook)["attempts"].as_array().map(Vec::len) == Some(8))
    })
    .unwrap();
    let shown = get(&env, &webhook);
    assert!(!shown.to_string().contains(&secret), "it is told once");
    let delivered = r#"mdm_webhook_attempts_total{result="delivered"}"#;
    assert_eq!(Counted::read(&env).unwrap().of(delivered), 8);
    let told: Vec<u8> = messages.iter().flat_map(|it| it.body.to_vec()).collect();
    assert!(!contains(&told, PASSWORD.as_bytes()));
    assert!(env.host_log().unwrap().contains("TRACE"));
    assert!(!env.host_log().unwrap().contains(&secret));
    let key = secret.trim_start_matches("whsec_");
    assert_not_found(env.folder(), &[&secret, key, PASSWORD]);
}

#[test]
fn what_happens_while_a_receiver_is_away_arrives_when_it_is_back_also_if_the_host_was_killed() {
    let mut env = TestEnvironment::with(&[PRIVATE], "info").unwrap();
    let mut receiver = Receiver::away();
    let (webhook, secret) = add(&env, &receiver, &[]);
    let phone = env.enroll(Make::default()).unwrap();
    let reset = ["password", "reset", &phone.id, "--yes"];
    let command = env.ask(&reset, "7294").unwrap();
    wait_until("the webhook is failing", || {
        Ok(!get(&env, &webhook)["failing_since"].is_null())
    })
    .unwrap();
    env.kill_host().unwrap();
    receiver.answer(500);
    receiver.come_back();
    env.start_host().unwrap();
    wait_until("the receiver was tried", || {
        Ok(!receiver.messages().is_empty())
    })
    .unwrap();
    assert_eq!(receiver.kinds()[0], "device.enrolled");
    let first = receiver.messages()[0].id.clone();
    receiver.answer(200);
    let cancel = format!(
        "devices/{}/commands/{}/cancel",
        phone.id,
        command["id"].as_str().unwrap()
    );
    assert_eq!(
        call(&env, &env.token().unwrap(), "POST", &cancel, &json!({})).0,
        200
    );
    wait_until("the last event has arrived", || {
        Ok(receiver
            .kinds()
            .last()
            .is_some_and(|it| it == "command.cancelled"))
    })
    .unwrap();
    // The first was refused, and came again under the same id.
    let mut messages = receiver.messages();
    messages.dedup_by_key(|message| message.id.clone());
    assert_eq!(messages[0].id, first);
    let kinds = messages
        .iter()
        .map(|it| it.json()["type"].as_str().unwrap().to_owned());
    assert_eq!(
        kinds.collect::<Vec<_>>(),
        ["device.enrolled", "command.pending", "command.cancelled"]
    );
    assert!(messages.iter().all(|it| it.is_signed_with(&secret)));
    let failed = messages[2].json();
    assert_eq!(
        failed["data"]["command"]["status"],
        json!({"failed": "cancelled"})
    );
    wait_until("the webhook is not failing", || {
        Ok(get(&env, &webhook)["failing_since"].is_null())
    })
    .unwrap();
    let results = get(&env, &webhook)["attempts"].to_string();
    assert!(results.contains("can't be reached") && results.contains(r#""status":500"#));
    assert!(
        !env.host_log().unwrap().contains("quetzal"),
        "the URL's key"
    );
}

#[test]
fn a_receiver_that_is_gone_is_sent_nothing_until_it_is_resumed() {
    let env = TestEnvironment::with(&[PRIVATE], "info").unwrap();
    let receiver = Receiver::start();
    receiver.answer(410);
    let (webhook, _) = add(&env, &receiver, &["--event", "device.enrolled"]);
    let enroll = |name| {
        env.enroll(Make {
            name,
            ..Make::default()
        })
    };
    enroll("one").unwrap();
    wait_until("it is gone", || Ok(get(&env, &webhook)["state"] == "gone")).unwrap();
    enroll("two").unwrap();
    receiver.answer(200);
    let resume = format!("webhooks/{webhook}/resume");
    let (status, resumed) = call(&env, &env.token().unwrap(), "POST", &resume, &Value::Null);
    assert_eq!((status, &resumed["state"]), (200, &json!("active")));
    enroll("three").unwrap();
    receiver.wait_for(&["device.enrolled", "device.enrolled"]);
    let names = receiver.messages();
    let names = names.iter().map(|it| it.json()["data"]["name"].clone());
    assert_eq!(names.collect::<Vec<_>>(), ["one", "three"]);
}

#[test]
fn a_redirection_is_not_followed() {
    let env = TestEnvironment::with(&[PRIVATE], "info").unwrap();
    let receiver = Receiver::start();
    receiver.answer(302);
    let (webhook, _) = add(&env, &receiver, &[]);
    let output = env.admin(&["webhook", "test", &webhook], "").unwrap();
    assert!(!output.status.success());
    assert_eq!(receiver.messages().len(), 1);
    let attempt = &get(&env, &webhook)["attempts"][0];
    assert_eq!(attempt["status"], 302);
    assert_eq!(attempt["result"], "failed");
}

#[test]
fn messages_are_signed_with_the_former_secret_too_after_it_was_changed() {
    let env = TestEnvironment::with(&[PRIVATE], "info").unwrap();
    let receiver = Receiver::start();
    let (webhook, former) = add(&env, &receiver, &[]);
    let path = format!("webhooks/{webhook}/secret");
    let (status, made) = call(&env, &env.token().unwrap(), "POST", &path, &Value::Null);
    assert_eq!(status, 201);
    let secret = made["secret"].as_str().unwrap();
    assert_ne!(secret, former);
    env.ask(&["webhook", "test", &webhook], "").unwrap();
    let message = &receiver.messages()[0];
    assert_eq!(message.signatures.len(), 2);
    assert!(message.is_signed_with(secret) && message.is_signed_with(&former));
    env.ask(&["webhook", "remove", &webhook], "").unwrap();
    assert_eq!(env.ask(&["webhook", "list"], "").unwrap(), json!([]));
}

#[test]
fn an_inner_address_is_refused_without_the_option() {
    let env = TestEnvironment::start().unwrap();
    for url in [
        "http://127.0.0.1:9/",
        "https://127.0.0.1:9/",
        "https://localhost/",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest/",
        "http://example.com/",
    ] {
        let problem = env.refused(&["webhook", "add", url], "").unwrap();
        assert_eq!(problem["type"], "bad-url", "{url}: {problem}");
    }
    assert_eq!(env.ask(&["webhook", "list"], "").unwrap(), json!([]));
}

#[test]
fn who_is_responsible_for_a_group_is_told_of_that_group_only() {
    let env = TestEnvironment::with(&[PRIVATE], "info").unwrap();
    let receiver = Receiver::start();
    let admin = env.token().unwrap();
    let token = |name: &str, permission: &str| {
        let new = json!({"name": name, "permissions": [permission], "groups": ["sales"]});
        let (status, made) = call(&env, &admin, "POST", "tokens", &new);
        assert_eq!(status, 201, "{made}");
        made["token"].as_str().unwrap().to_owned()
    };
    let (sales, viewer) = (token("sales", "manage-webhooks"), token("viewer", "see"));
    let new = |groups: Value| json!({"url": receiver.url(), "events": [], "groups": groups});
    let add = |token: &str, groups| call(&env, token, "POST", "webhooks", &new(groups)).0;
    assert_eq!(add(&viewer, json!(["sales"])), 403);
    assert_eq!(add(&sales, Value::Null), 403);
    assert_eq!(add(&sales, json!(["it"])), 403);
    assert_eq!(add(&sales, json!(["sales"])), 201);
    assert_eq!(add(&admin, json!(["it"])), 201);
    let (_, seen) = call(&env, &sales, "GET", "webhooks", &Value::Null);
    assert_eq!(seen.as_array().unwrap().len(), 1);
    let (_, all) = call(&env, &admin, "GET", "webhooks", &Value::Null);
    let theirs = all.as_array().unwrap().iter();
    let theirs = theirs.filter(|it| it["groups"] == json!(["it"]));
    for webhook in theirs {
        let path = format!("webhooks/{}", webhook["id"].as_str().unwrap());
        assert_eq!(call(&env, &sales, "DELETE", &path, &Value::Null).0, 403);
        assert_eq!(call(&env, &admin, "DELETE", &path, &Value::Null).0, 204);
    }
    for (name, group) in [("one", "it"), ("two", "sales"), ("three", "it")] {
        let group = Some(group);
        env.enroll(Make {
            name,
            group,
            ..Make::default()
        })
        .unwrap();
    }
    receiver.wait_for(&["device.enrolled"]);
    thread::sleep(Duration::from_millis(300));
    receiver.wait_for(&["device.enrolled"]);
    assert_eq!(receiver.messages()[0].json()["data"]["name"], "two");
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|it| it == text)
}

/// Looks through the database, its log, the host's log and all else in the folder.
fn assert_not_found(folder: &Path, texts: &[&str]) {
    let mut files = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = fs::read(&path).unwrap();
            for text in texts {
                assert!(
                    !contains(&bytes, text.as_bytes()),
                    "{text} is in {}",
                    path.display()
                );
            }
            files += 1;
        }
    }
    assert!(files >= 6, "only {files} files were looked through");
}
