//! Users, sessions and tokens: sign-in, and the end of permissions.

use mdm_tests::test_environment::{Make, TIMEOUT, TestEnvironment, staying_client, wait_until};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::{runtime::Runtime, time::timeout};

const PASSWORD: &str = "tulip-anvil-rainy-42";
const FORM: &str = "application/x-www-form-urlencoded";

/// A host, and a caller.
struct Caller {
    env: TestEnvironment,
    runtime: Runtime,
    client: Client,
}

impl Caller {
    fn new() -> Self {
        Self {
            env: TestEnvironment::start().unwrap(),
            runtime: Runtime::new().unwrap(),
            client: staying_client().unwrap(),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.env.url())
    }

    fn send(&self, request: RequestBuilder) -> Response {
        self.runtime.block_on(request.send()).unwrap()
    }

    fn post(&self, path: &str, form: &str) -> RequestBuilder {
        let request = self.client.post(self.url(path));
        request.header("content-type", FORM).body(form.to_owned())
    }

    /// A call of the API with this token: its status, and its JSON.
    fn api(&self, token: &str, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let url = self.url(path);
        let mut request = self
            .client
            .request(method.parse().unwrap(), url)
            .bearer_auth(token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = self.send(request);
        let status = answer.status().as_u16();
        let text = self.runtime.block_on(answer.text()).unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// A new user, who has chosen a password: the cookie of their session.
    fn user(&self, name: &str, role: &str) -> String {
        let made = self
            .env
            .ask(&["user", "add", name, "--role", role], "")
            .unwrap();
        let path = made["path"].as_str().unwrap();
        let chosen = format!("password={PASSWORD}&again={PASSWORD}");
        let answer = self.send(self.post(path, &chosen));
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }

    fn page(&self, cookie: &str, path: &str) -> String {
        let request = self.client.get(self.url(path)).header("cookie", cookie);
        let answer = self.send(request);
        self.runtime.block_on(answer.text()).unwrap()
    }

    /// Sends a form of a session: the status of the answer, and its text.
    fn form(&self, cookie: &str, path: &str, fields: &str) -> (u16, String) {
        let page = self.page(cookie, "/account");
        let token = field(&page, "form_token");
        let request = self.post(path, &format!("form_token={token}&{fields}"));
        let answer = self.send(request.header("cookie", cookie));
        let status = answer.status().as_u16();
        (status, self.runtime.block_on(answer.text()).unwrap())
    }

    /// A token that a user makes on the dashboard.
    fn token_of(&self, cookie: &str, name: &str, permissions: &[&str]) -> String {
        let ticked: String = permissions.iter().map(|it| format!("&{it}=on")).collect();
        let fields = format!("name={name}&devices=all&valid_for={ticked}");
        let (status, page) = self.form(cookie, "/tokens", &fields);
        assert_eq!(status, 200, "{page}");
        let (_, rest) = page.split_once("<code id=\"token\">").unwrap();
        rest.split('<').next().unwrap().to_owned()
    }

    /// The lines of the audit trail, latest first.
    fn audit(&self) -> Vec<Value> {
        let (_, page) = self.api(&self.env.token().unwrap(), "GET", "/api/v1/audit", None);
        page["lines"].as_array().unwrap().clone()
    }
}

/// The value of a hidden field of a page.
fn field(page: &str, name: &str) -> String {
    let (_, rest) = page
        .split_once(&format!("name=\"{name}\" value=\""))
        .unwrap_or_else(|| panic!("no field {name}: {page}"));
    rest.split('"').next().unwrap().to_owned()
}

#[test]
fn a_token_may_no_more_than_its_maker_at_that_moment_and_ends_with_them() {
    let caller = Caller::new();
    let phone = caller.env.enroll(Make::default()).unwrap();
    let alice = caller.user("alice", "admin");
    caller.user("bob", "admin");
    let token = caller.token_of(&alice, "ci", &["see", "change-password", "manage-users"]);
    let add_user = |name: &str| {
        let body = json!({"name": name, "role": "helpdesk", "groups": null});
        caller.api(&token, "POST", "/api/v1/users", Some(body)).0
    };
    let reset = || {
        let path = format!("/api/v1/devices/{}/password/reset", phone.id);
        let body = json!({"password": "1234"});
        caller.api(&token, "POST", &path, Some(body)).0
    };
    let made = caller.api(
        &token,
        "POST",
        "/api/v1/tokens",
        Some(json!({"name": "by-ci", "permissions": ["see"], "groups": null})),
    );
    let by_ci = made.1["token"].as_str().unwrap().to_owned();
    assert_eq!(add_user("carol"), 201);

    let change = |role: &[&str]| {
        let args = [&["user", "change", "alice", "--role"], role].concat();
        caller.env.ask(&args, "").unwrap();
    };
    change(&["viewer"]);
    assert_eq!((add_user("dave"), reset()), (403, 403), "a viewer's token");
    change(&["helpdesk", "--group", "elsewhere"]);
    assert_eq!((add_user("dave"), reset()), (403, 403), "of other devices");
    let devices = || caller.api(&token, "GET", "/api/v1/devices", None);
    let listed = devices().1;
    assert_eq!(listed["devices"], json!([]), "{listed}");
    change(&["admin"]);
    assert_eq!((reset(), add_user("dave")), (201, 201), "as they may again");

    caller.env.ask(&["user", "remove", "alice"], "").unwrap();
    assert_eq!((devices().0, add_user("eve"), reset()), (401, 401, 401));
    let (status, _) = caller.api(&by_ci, "GET", "/api/v1/devices", None);
    assert_eq!(status, 401, "a token that her token made");
    let ended: Vec<Value> = caller
        .audit()
        .into_iter()
        .filter(|line| line["action"] == "remove-token")
        .map(|line| line["detail"].clone())
        .collect();
    assert!(
        ended.contains(&json!("ci: its owner alice was removed")),
        "{ended:?}"
    );
    assert_eq!(ended.len(), 2, "{ended:?}");
}

#[test]
fn a_token_that_was_handed_over_by_name_goes_on_after_its_maker_is_gone() {
    let caller = Caller::new();
    let alice = caller.user("alice", "admin");
    let bob = caller.user("bob", "admin");
    let [ci, nightly] = ["ci", "nightly"].map(|name| caller.token_of(&alice, name, &["see"]));
    let env = &caller.env;
    let unknown = env.refused(&["token", "hand-over", "ci", "--to", "nobody"], "");
    assert_eq!(unknown.unwrap()["type"], "unknown-user");
    let handed = env
        .ask(&["token", "hand-over", "ci", "--to", "bob"], "")
        .unwrap();
    assert_eq!(handed[0]["owner"], "bob");
    let (status, _) = caller.form(&bob, "/tokens/nightly/owner", "owner=bob");
    assert_eq!(status, 303);
    env.ask(&["user", "remove", "alice"], "").unwrap();
    for token in [&ci, &nightly] {
        assert_eq!(caller.api(token, "GET", "/api/v1/devices", None).0, 200);
    }
    let handed = caller.audit().into_iter();
    let handed: Vec<(Value, Value)> = handed
        .filter(|line| line["action"] == "hand-over-token")
        .map(|line| (line["actor"].clone(), line["detail"].clone()))
        .collect();
    let lines = [
        (json!("user bob"), json!("nightly: from alice to bob")),
        (json!("token admin"), json!("ci: from alice to bob")),
    ];
    assert_eq!(handed, lines);
    // The host's own token has no user behind it, and so ends with none.
    let tokens = env.ask(&["token", "list"], "").unwrap();
    let own = tokens.as_array().unwrap().iter();
    let own: Vec<_> = own.filter(|token| token["name"] == "admin").collect();
    assert!(own.len() == 1 && own[0]["owner"].is_null(), "{own:?}");
}

#[test]
fn guesses_inside_a_session_are_limited_as_those_at_sign_in_are() {
    let caller = Caller::new();
    let alice = caller.user("alice", "helpdesk");
    let page = caller.page(&alice, "/account");
    let sealed = field(&page, "sealed");
    let guess = |number: u32| {
        let fields = format!("sealed={sealed}&code=123456&password=a-guess-{number}");
        caller
            .form(&alice, "/account/one-time-passwords", &fields)
            .0
    };
    let answers: Vec<u16> = (0..30).map(guess).collect();
    let compared = answers.iter().filter(|status| **status == 422).count();
    assert!((10..=12).contains(&compared), "{answers:?}");
    assert_eq!(answers.last(), Some(&429), "{answers:?}");
    let sign_in = caller.post("/sign-in", &format!("name=alice&password={PASSWORD}"));
    assert_eq!(caller.send(sign_in).status(), 303, "she is not locked out");
}

#[test]
fn a_sign_in_that_another_site_has_sent_lets_nobody_in() {
    let caller = Caller::new();
    caller.user("mallory", "viewer");
    let form = format!("name=mallory&password={PASSWORD}");
    let host = caller.env.url();
    let sent = |name: &str, value: &str| {
        let answer = caller.send(caller.post("/sign-in", &form).header(name, value));
        let has_cookie = answer.headers().contains_key("set-cookie");
        (answer.status().as_u16(), has_cookie)
    };
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        assert_eq!(sent(name, value), (403, false), "{name}: {value}");
    }
    assert_eq!(sent("origin", &host), (303, true));
    assert_eq!(sent("sec-fetch-site", "same-origin"), (303, true));
}

#[test]
fn the_news_of_a_page_end_when_the_session_ends_or_its_user_may_not_see_them_any_more() {
    let caller = Caller::new();
    let phone = caller.env.enroll(Make::default()).unwrap();
    let page = format!("/live?device={}", phone.id);
    let remove = |name: &str| caller.env.ask(&["user", "remove", name], "").map(|_| ());
    let sign_out = |cookie: &str| {
        caller.form(cookie, "/sign-out", "");
        Ok(())
    };
    let limit = |name: &str| {
        let args = [
            "user",
            "change",
            name,
            "--role",
            "viewer",
            "--group",
            "elsewhere",
        ];
        caller.env.ask(&args, "").map(|_| ())
    };
    type End<'a> = &'a dyn Fn(&str, &str) -> anyhow::Result<()>;
    let ends: [(&str, &str, End<'_>); 3] = [
        ("anna", "/live", &|name, _| remove(name)),
        ("ben", "/live", &|_, cookie| sign_out(cookie)),
        ("cleo", &page, &|name, _| limit(name)),
    ];
    for (name, path, end) in ends {
        let cookie = caller.user(name, "viewer");
        let request = caller
            .client
            .get(caller.url(path))
            .header("cookie", &cookie);
        let mut stream = caller.send(request);
        assert_eq!(stream.status(), 200);
        let first = caller.runtime.block_on(stream.chunk()).unwrap();
        assert!(first.is_some(), "it tells at once where it stands");
        end(name, &cookie).unwrap();
        let started = Instant::now();
        let rest = caller.runtime.block_on(async {
            timeout(TIMEOUT, async {
                while let Ok(Some(_)) = stream.chunk().await {}
            })
            .await
        });
        assert!(rest.is_ok(), "{name}: the stream goes on after {TIMEOUT:?}");
        assert!(started.elapsed() < Duration::from_secs(15), "{name}");
    }
}

#[test]
fn wrong_passwords_have_their_lines_in_the_audit_trail_and_the_name_of_nobody_has_none() {
    let caller = Caller::new();
    caller.user("alice", "helpdesk");
    let unknown = "my-secret-typed-as-a-name";
    for number in 0..13 {
        for name in ["alice", unknown] {
            let form = format!("name={name}&password=wrong-{number}");
            caller.send(caller.post("/sign-in", &form));
        }
    }
    let lines = || -> Vec<Value> {
        let all = caller.audit().into_iter();
        all.filter(|line| line["action"] == "sign-in-refused")
            .collect()
    };
    wait_until("both are told", || Ok(lines().len() >= 2)).unwrap();
    let told = lines();
    assert_eq!(
        told.len(),
        2,
        "one for each, however many there were: {told:?}"
    );
    let of = |text: &str| {
        let is_it = |line: &&Value| line["detail"].as_str().unwrap().starts_with(text);
        told.iter()
            .find(is_it)
            .unwrap_or_else(|| panic!("{told:?}"))
    };
    for line in [of("user alice: "), of("a name that no user has: ")] {
        assert_eq!(
            (&line["actor"], &line["address"]),
            (&json!("stranger"), &json!("127.0.0.1"))
        );
    }
    let everything = format!("{:?}{}", caller.audit(), caller.env.host_log().unwrap());
    assert!(!everything.contains(unknown));
}

#[test]
fn the_metrics_of_the_fleet_are_not_for_a_token_that_is_limited_to_a_group() {
    let caller = Caller::new();
    let add = ["token", "add", "all", "--may", "see-metrics"];
    let all = caller.env.ask(&add, "").unwrap();
    let add = [
        "token",
        "add",
        "some",
        "--may",
        "see-metrics",
        "--group",
        "sales",
    ];
    let some = caller.env.ask(&add, "").unwrap();
    let status = |token: &Value| {
        let token = token["token"].as_str().unwrap();
        caller.api(token, "GET", "/metrics", None).0
    };
    assert_eq!((status(&all), status(&some)), (200, 403));
}
