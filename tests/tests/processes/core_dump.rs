//! A core dump of the host holds a password while a call needs it, and not after the call has returned.

use super::{secrets::EVERYTHING, tls::Certificates};
use mdm_tests::{
    memory,
    plugins::PROBE,
    test_environment::{
        Make, TestEnvironment, http_client, staying_client, trusting_client, wait_until,
    },
};
use reqwest::{Client, StatusCode};
use std::fs;
use uuid::Uuid;

/// The shortest part of a password whose find counts: an allocator may have written over the rest.
const PART: usize = 8;

/// The rule that the passwords keep.
const RULE: [&str; 2] = ["--password-rule", "alphanumeric:8-16"];

/// A unique password, and the forms in which it could be in memory.
struct Canary {
    password: String,
    forms: Vec<Vec<u8>>,
}

impl Canary {
    fn new() -> Self {
        const CHARACTERS: &[u8] = b"GHJKLMNPQRSTUVWXYZghijkmnopqrstuvwxyz23456789";
        let mut password = String::from("k7");
        for _ in 0..2 {
            let mut random = Uuid::now_v7().as_u128() as u64;
            for _ in 0..7 {
                let count = CHARACTERS.len() as u64;
                password.push(char::from(CHARACTERS[(random % count) as usize]));
                random /= count;
            }
        }
        Self::of(password)
    }

    /// A password that the host has made.
    fn of(password: String) -> Self {
        let parts = password.as_bytes().windows(PART);
        let forms = parts.flat_map(|part| {
            let wide = |width: usize| {
                let mut bytes = vec![0; part.len() * width];
                for (at, byte) in part.iter().enumerate() {
                    bytes[at * width] = *byte;
                }
                bytes
            };
            [1, 2, 4].map(wide) // UTF-8, UTF-16, and an array of `char`
        });
        Self {
            forms: forms.collect(),
            password,
        }
    }

    /// In which forms it is in the memory of the host.
    fn found_in(&self, env: &TestEnvironment) -> Vec<String> {
        let found = memory::found_in(env.host_process().unwrap(), &self.forms).unwrap();
        let text = |bytes: &&[u8]| String::from_utf8_lossy(bytes).into_owned();
        found.iter().map(text).collect()
    }
}

/// An admin's program that keeps its connection to the host.
struct Admin {
    runtime: tokio::runtime::Runtime,
    http: Client,
    token: String,
    url: String,
}

impl Admin {
    fn new(env: &TestEnvironment, http: Client) -> Self {
        Self {
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap(),
            http,
            token: env.token().unwrap(),
            url: format!("{}/api/v1", env.url()),
        }
    }

    fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> StatusCode {
        let request = self.request(path).bearer_auth(&self.token).body(body);
        self.runtime.block_on(send(request))
    }

    fn request(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.post(format!("{}/{path}", self.url))
    }
}

async fn send(request: reqwest::RequestBuilder) -> StatusCode {
    let response = request.send().await.unwrap();
    let status = response.status();
    response.bytes().await.unwrap();
    status
}

/// Sends passwords in every way, and looks through the host's memory as soon as each call has returned.
fn assert_none_stays(env: &TestEnvironment, admin: &Admin) {
    let phone = env
        .enroll(Make {
            group: Some("sales"),
            ..Make::default()
        })
        .unwrap();
    let device = |call: &str| format!("devices/{}/password/{call}", phone.id);
    let space = " ".repeat(100_000);
    let mut found = Vec::new();
    let mut check = |what: &str, path: &str, status: u16, body: &dyn Fn(&str) -> String| {
        let canary = Canary::new();
        let got = admin.post(path, body(&canary.password));
        assert_eq!(got.as_u16(), status, "{what}");
        let forms = canary.found_in(env);
        if !forms.is_empty() {
            found.push(format!("{what}: {forms:?}"));
        }
    };
    let plain = |it: &str| format!(r#"{{"password": "{it}"}}"#);
    check("a reset", &device("reset"), 201, &plain);
    let latest =
        || env.ask(&["password", "status", &phone.id], "").unwrap()["latest"]["id"].clone();
    check("a reset that replaces one", &device("reset"), 201, &|it| {
        format!(
            r#"{{"password": "{it}", "terms": {{"replaces": {}}}}}"#,
            latest()
        )
    });
    check("a conflict", &device("reset"), 409, &plain);
    check("a preview of a bulk", "bulks/preview", 200, &|it| {
        format!(r#"{{"action": "reset", "group": "sales", "password": "{it}"}}"#)
    });
    check("a preview", &device("preview"), 200, &|it| {
        format!(r#"{{"action": "reset", "password": "{it}"}}"#)
    });
    check(
        "a password that is too long",
        &device("reset"),
        422,
        &|it| format!(r#"{{"password": "{it}{it}"}}"#),
    );
    check("a body of many packets", &device("reset"), 409, &|it| {
        format!(r#"{{{space}"password": "{it}"{space}}}"#)
    });
    check("a password with an escape", &device("reset"), 409, &|it| {
        let (first, rest) = it.split_at(1);
        format!(r#"{{"password": "\u00{:x}{rest}"}}"#, first.as_bytes()[0])
    });
    check("an unknown field", &device("reset"), 422, &|it| {
        format!(r#"{{"password": "{it}", "{it}": 1}}"#)
    });
    check("a body that is cut off", &device("reset"), 400, &|it| {
        format!(r#"{{"password": "{it}"#)
    });
    check("a body that is too large", &device("reset"), 413, &|it| {
        format!(r#"{{"password": "{it}"{space}{space}{space}}}"#)
    });
    check("a call that there is not", &device("resett"), 404, &plain);
    let canary = Canary::new();
    let bulk = format!(
        r#"{{"action": "reset", "group": "sales", "password": "{}", "terms": {{"replace_pending": true}}}}"#,
        canary.password
    );
    assert_eq!(admin.post("bulks", bulk), StatusCode::ACCEPTED);
    wait_until("the bulk is done", || {
        Ok(env.ask(&["bulk", "list"], "")?["bulks"][0]["state"] == "waiting-for-devices")
    })
    .unwrap();
    let forms = canary.found_in(env);
    if !forms.is_empty() {
        found.push(format!("a bulk: {forms:?}"));
    }
    // The body is not even looked at.
    let canary = Canary::new();
    let request = admin
        .request(&device("reset"))
        .body(plain(&canary.password));
    let status = admin.runtime.block_on(send(request));
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    found.extend(canary.found_in(env));
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn no_password_is_in_a_core_dump_of_the_host_after_the_call_has_returned() {
    let env = TestEnvironment::with(&RULE, EVERYTHING).unwrap();
    let admin = Admin::new(&env, http_client());
    assert_none_stays(&env, &admin);
}

#[test]
fn no_password_is_in_a_core_dump_of_the_host_after_the_call_has_returned_by_tls() {
    let certificates = Certificates::new();
    let tls = certificates.serve_args();
    let args: Vec<&str> = RULE
        .into_iter()
        .chain(tls.iter().map(String::as_str))
        .collect();
    let authority = certificates.path("authority");
    let env = TestEnvironment::with_tls(&args, &authority).unwrap();
    let admin = Admin::new(&env, trusting_client(&authority).unwrap());
    assert_none_stays(&env, &admin);
}

#[test]
fn a_password_is_in_a_core_dump_while_the_plugin_decides_and_gone_once_it_was_stopped() {
    let folder = tempfile::TempDir::new().unwrap();
    let plugin = folder.path().join("probe.wasm");
    fs::write(&plugin, PROBE).unwrap();
    let plugin = plugin.to_str().unwrap();
    let env = TestEnvironment::with(
        &[
            "--plugin",
            plugin,
            "--unchecked-plugin",
            "--plugin-time",
            "3000",
        ],
        "info",
    )
    .unwrap();
    let phone = env.enroll(Make::default()).unwrap();
    let admin = Admin::new(&env, http_client());
    let canary = Canary::new();
    // The plugin never returns.
    let body = format!(r#"{{"password": "{}", "reason": "spin"}}"#, canary.password);
    let path = format!("devices/{}/password/reset", phone.id);
    let call = admin.runtime.spawn(send(
        admin.request(&path).bearer_auth(&admin.token).body(body),
    ));
    wait_until("the password is in the host's memory", || {
        Ok(!canary.found_in(&env).is_empty())
    })
    .unwrap();
    assert!(!call.is_finished(), "the plugin was stopped too early");
    let status = admin.runtime.block_on(call).unwrap();
    assert!(status.is_server_error(), "{status}");
    assert_eq!(canary.found_in(&env), [""; 0]);
}

/// An admin who is signed in to the dashboard, by a browser that keeps its connection to the host.
struct SignedIn<'a> {
    admin: &'a Admin,
    host: String,
    cookie: String,
}

impl<'a> SignedIn<'a> {
    /// A user with this password.
    fn new(env: &TestEnvironment, admin: &'a Admin, password: &str) -> Self {
        let host = env.url();
        let invitation = format!("{host}{}", env.first_invitation().unwrap());
        let call = staying_client()
            .unwrap()
            .post(invitation)
            .header("content-type", FORM)
            .body(format!("password={password}&again={password}"));
        let answer = admin.runtime.block_on(call.send()).unwrap();
        let session = answer.headers()["set-cookie"].to_str().unwrap();
        let cookie = session.split(';').next().unwrap().to_owned();
        Self {
            admin,
            host,
            cookie,
        }
    }

    /// Sends the form of a page to an address below it, and tells the answer's status.
    fn sends(&self, page: &str, below: &str, fields: &str) -> u16 {
        let url = format!("{}{page}", self.host);
        let hidden = self.admin.runtime.block_on(async {
            let call = self.admin.http.get(&url).header("cookie", &self.cookie);
            call.send().await.unwrap().text().await.unwrap()
        });
        let hidden = ["form_token", "key", "seen"].map(|name| {
            let value = hidden
                .split_once(&format!(r#"name="{name}" value=""#))
                .and_then(|(_, rest)| rest.split('"').next());
            format!("{name}={}", value.unwrap())
        });
        let call = self
            .admin
            .http
            .post(format!("{url}{below}"))
            .header("cookie", &self.cookie)
            .header("content-type", FORM)
            .body(format!("{}&{fields}", hidden.join("&")));
        self.admin.runtime.block_on(send(call)).as_u16()
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

#[test]
fn no_password_is_in_a_core_dump_of_the_host_after_a_form_of_the_dashboard_was_answered() {
    let env = TestEnvironment::with(&RULE, EVERYTHING).unwrap();
    let client = Client::builder().redirect(reqwest::redirect::Policy::none());
    drop(http_client());
    let admin = Admin::new(&env, client.build().unwrap());
    let own = Canary::new();
    let signed_in = SignedIn::new(&env, &admin, &own.password);
    let mut found = own.found_in(&env);
    let phone = env.enroll(Make::default()).unwrap();
    let page = format!("/devices/{}/reset", phone.id);
    let encoded = |it: &str| -> String { it.bytes().map(|byte| format!("%{byte:02X}")).collect() };
    let mut check = |what: &str, below: &str, status: u16, fields: &dyn Fn(&str) -> String| {
        let canary = Canary::new();
        let got = signed_in.sends(&page, below, &fields(&canary.password));
        assert_eq!(got, status, "{what}");
        let forms = canary.found_in(&env);
        if !forms.is_empty() {
            found.push(format!("{what}: {forms:?}"));
        }
    };
    let plain = |it: &str| format!("password={it}");
    check("a preview", "/preview", 200, &plain);
    check("a password that is too long", "", 422, &|it| {
        format!("password={it}{it}")
    });
    check("a reset", "", 303, &plain);
    check("a conflict", "", 422, &plain);
    check("a password in percents", "", 422, &|it| {
        format!("password={}", encoded(it))
    });
    check("a password in the reason", "", 422, &|it| {
        format!("password={it}&reason=it+is+{it}")
    });
    check("a field twice", "", 422, &|it| {
        format!("password={it}&password={}", encoded(it))
    });
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn no_password_of_a_bulk_is_in_a_core_dump_of_the_host_after_their_sheet_was_downloaded() {
    let env = TestEnvironment::with(&RULE, EVERYTHING).unwrap();
    let admin = Admin::new(&env, http_client());
    for number in 0..5 {
        let make = Make {
            name: &format!("phone-{number}"),
            group: Some("sales"),
            ..Make::default()
        };
        env.enroll(make).unwrap();
    }
    let call = |path: &str, body: &'static str| {
        let call = admin.request(path).bearer_auth(&admin.token).body(body);
        admin.runtime.block_on(async {
            let answer = call.send().await.unwrap().error_for_status().unwrap();
            answer.text().await.unwrap()
        })
    };
    let bulk = r#"{"action": "reset", "group": "sales", "unique_passwords": true}"#;
    let bulk: serde_json::Value = serde_json::from_str(&call("bulks", bulk)).unwrap();
    let export = call(
        &format!("bulks/{}/passwords.csv", bulk["id"].as_str().unwrap()),
        "",
    );
    let passwords: Vec<&str> = export
        .lines()
        .skip(1)
        .map(|line| line.split(',').nth(2).unwrap())
        .collect();
    assert_eq!(passwords.len(), 5, "{export}");
    for password in passwords {
        assert_eq!(password.len(), PART);
        let canary = Canary::of(password.to_owned());
        assert_eq!(canary.found_in(&env), [""; 0]);
    }
}
