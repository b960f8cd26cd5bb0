//! The address of a client: the peer's, or the one that a trusted proxy names.

use mdm_tests::test_environment::{TestEnvironment, staying_client, text, wait_until};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

const PASSWORD: &str = "tulip-anvil-rainy-42";

/// A host, and what stands between it and its clients.
struct Proxy {
    env: TestEnvironment,
    runtime: Runtime,
    client: Client,
}

impl Proxy {
    fn new(serve_args: &[&str]) -> Self {
        Self {
            env: TestEnvironment::with(serve_args, "info").unwrap(),
            runtime: Runtime::new().unwrap(),
            client: staying_client().unwrap(),
        }
    }

    fn post(&self, path: &str, form: String, header: (&str, &str)) -> Response {
        let request = self.client.post(format!("{}{path}", self.env.url()));
        let request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .header(header.0, header.1)
            .body(form);
        self.runtime.block_on(request.send()).unwrap()
    }

    fn sign_in(&self, name: &str, password: &str, header: (&str, &str)) -> Response {
        let form = format!("name={name}&password={password}");
        self.post("/sign-in", form, header)
    }

    /// Guesses by this many names, and tells how often that was one too many.
    fn guesses(&self, number: u32, header: impl Fn(u32) -> String) -> usize {
        let guess = |it: &u32| {
            let header = header(*it);
            let answer = self.sign_in(
                &format!("user-{it}"),
                "a-guess",
                ("x-forwarded-for", &header),
            );
            answer.status() == 429
        };
        (0..number).filter(guess).count()
    }

    fn user(&self, name: &str) -> Value {
        let add = ["user", "add", name, "--role", "helpdesk"];
        let made = self.env.ask(&add, "").unwrap();
        let path = made["path"].as_str().unwrap();
        let form = format!("password={PASSWORD}&again={PASSWORD}");
        let answer = self.post(path, form, ("x-other", "x"));
        assert_eq!(answer.status(), 303);
        made
    }

    /// The addresses of the lines in the audit trail of this actor and action.
    fn addresses(&self, actor: &str, action: &str) -> Vec<Value> {
        let url = format!("{}/api/v1/audit", self.env.url());
        let call = self.client.get(url).bearer_auth(self.env.token().unwrap());
        let lines: Value = self.runtime.block_on(async {
            let answer = call.send().await.unwrap();
            answer.json().await.unwrap()
        });
        let lines = lines["lines"].as_array().unwrap().iter();
        let lines = lines.filter(|line| line["actor"] == actor && line["action"] == action);
        lines.map(|line| line["address"].clone()).collect()
    }
}

#[test]
fn behind_a_trusted_proxy_nobody_is_locked_out_by_others_and_the_trail_has_the_clients_address() {
    let options = [
        "--trusted-proxy",
        "127.0.0.1",
        "--trusted-proxy",
        "10.0.0.0/8",
    ];
    let proxy = Proxy::new(&options);
    proxy.user("alice");
    let stranger = "203.0.113.66, 198.51.100.7, 10.0.0.2";
    let refused = proxy.guesses(90, |_| stranger.to_owned());
    assert!(
        (20..=30).contains(&refused),
        "60 a minute are tried: {refused}"
    );
    let answer = proxy.sign_in("alice", PASSWORD, ("x-forwarded-for", "203.0.113.9"));
    assert_eq!(answer.status(), 303);
    let signed_in = proxy.addresses("user alice", "sign-in");
    assert_eq!(signed_in[0], "203.0.113.9");
    assert_eq!(signed_in.len(), 2);
    wait_until("the guesses are told", || {
        Ok(!proxy.addresses("stranger", "sign-in-refused").is_empty())
    })
    .unwrap();
    assert_eq!(
        proxy.addresses("stranger", "sign-in-refused"),
        ["198.51.100.7"]
    );
}

#[test]
fn only_the_header_that_the_proxy_writes_tells_the_clients_address() {
    let trusted = ["--trusted-proxy", "127.0.0.1", "--trusted-proxy-header"];
    let x = ("x-forwarded-for", "1.2.3.4, 203.0.113.9");
    let forwarded = (
        "forwarded",
        "for=1.2.3.4;x=\", for=\"203.0.113.9:4711\";proto=https",
    );
    for (option, theirs, other) in [
        ("forwarded", forwarded, x),
        ("x-forwarded-for", x, forwarded),
    ] {
        let proxy = Proxy::new(&[&trusted[..], &[option]].concat());
        proxy.user("alice");
        for (header, expected) in [(theirs, "203.0.113.9"), (other, "127.0.0.1")] {
            let answer = proxy.sign_in("alice", PASSWORD, header);
            assert_eq!(answer.status(), 303, "{header:?}");
            let signed_in = proxy.addresses("user alice", "sign-in");
            assert_eq!(signed_in[0], expected, "{option}: {header:?}");
        }
    }
}

#[test]
fn a_header_of_a_peer_that_is_not_trusted_changes_nothing() {
    let proxy = Proxy::new(&["--trusted-proxy", "10.0.0.0/8"]);
    proxy.user("alice");
    let answer = proxy.sign_in("alice", PASSWORD, ("forwarded", "for=203.0.113.9"));
    assert_eq!(answer.status(), 303);
    assert_eq!(proxy.addresses("user alice", "sign-in")[0], "127.0.0.1");
    let refused = proxy.guesses(90, |number| format!("203.0.113.{number}"));
    assert!((20..=31).contains(&refused), "{refused}");
    wait_until("the guesses are told", || {
        Ok(!proxy.addresses("stranger", "sign-in-refused").is_empty())
    })
    .unwrap();
    assert_eq!(
        proxy.addresses("stranger", "sign-in-refused"),
        ["127.0.0.1"]
    );
}

#[test]
fn the_addresses_of_one_ipv6_network_of_64_bits_share_the_limits_of_sign_ins_and_calls() {
    let options = ["--trusted-proxy", "127.0.0.1", "--rate-per-address", "2"];
    let proxy = Proxy::new(&options);
    let calls = |address: &dyn Fn(u32) -> String| {
        let refused = |number: &u32| {
            let call = proxy
                .client
                .get(format!("{}/api/v1/devices", proxy.env.url()))
                .header("x-forwarded-for", address(*number));
            proxy.runtime.block_on(call.send()).unwrap().status() == 429
        };
        (1..=40).filter(refused).count()
    };
    assert!(
        calls(&|number| format!("2001:db8:0:1::{number}")) > 0,
        "one network"
    );
    assert_eq!(
        calls(&|number| format!("2001:db8:1:{number}::1")),
        0,
        "40 networks"
    );

    let proxy = Proxy::new(&options[..2]);
    let refused = proxy.guesses(90, |number| format!("2001:db8:0:1::{number}"));
    assert!((20..=30).contains(&refused), "one network: {refused}");
    let refused = proxy.guesses(90, |number| format!("2001:db8:1:{number}::1"));
    assert_eq!(refused, 0, "90 networks");
}

#[test]
fn the_public_url_is_in_links_and_makes_cookies_secure() {
    let proxy = Proxy::new(&["--public-url", "https://mdm.example/"]);
    let made = proxy.user("alice");
    let url = made["url"].as_str().unwrap();
    assert!(url.starts_with("https://mdm.example/invitation/"), "{url}");
    let shown = proxy.env.admin(&["user", "invite", "alice"], "").unwrap();
    assert!(
        text(&shown).contains(": https://mdm.example/invitation/"),
        "{}",
        text(&shown)
    );
    let answer = proxy.sign_in("alice", PASSWORD, ("origin", "https://mdm.example"));
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    let cookie = header("set-cookie");
    assert!(cookie.starts_with("__Host-mdm-session="), "{cookie}");
    assert!(
        cookie.contains("; Secure") && cookie.contains("; Path=/;"),
        "{cookie}"
    );
    assert_eq!(header("strict-transport-security"), "max-age=31536000");

    let plain = Proxy::new(&[]);
    let made = plain.user("alice");
    assert_eq!(made["url"], json!(null));
    let answer = plain.sign_in("alice", PASSWORD, ("x-other", "x"));
    assert!(!answer.headers().contains_key("strict-transport-security"));
}
