//! Forms whose fields were changed on the way, and calls whose numbers lie outside the bounds of the document: they are
//! refused, say so, and do nothing.

use crate::test_host::{TestHost, admin, client, owner, password};
use mdm_server_core::{
    access::{DeviceScope, Role},
    token,
};
use reqwest::{Client, Response};
use serde_json::{Value, json};

const PASSWORD: &str = "tulip-anvil-rainy-42";

/// A signed-in admin at a host with one device, in the group sales.
struct Host {
    fleet: TestHost,
    url: String,
    device: String,
    client: Client,
    cookie: String,
    token: String,
}

impl Host {
    async fn new() -> Self {
        let fleet = TestHost::new().await;
        let device = fleet.enroll_in(owner(), &["sales"]).await.device;
        let made = fleet
            .server
            .identity
            .add_user(&admin(), "anna", Role::Admin, DeviceScope::ALL)
            .await;
        let invitation = token::digest(&made.unwrap().token);
        let chosen = password(PASSWORD);
        let session = fleet
            .server
            .identity
            .accept_invitation(invitation, chosen, None)
            .await
            .unwrap();
        let token = fleet
            .token("one", Role::Admin.permissions(), DeviceScope::ALL)
            .await;
        let (url, _) = fleet.listens().await;
        Self {
            fleet,
            url,
            device,
            client: client(),
            cookie: format!("mdm-session={}", session.as_str()),
            token,
        }
    }

    async fn page(&self, path: &str) -> String {
        let call = self.client.get(format!("{}{path}", self.url));
        let page = call.header("cookie", &self.cookie).send().await.unwrap();
        page.text().await.unwrap()
    }

    /// Sends a form to where the page with it sends it, with the hidden fields of that page.
    async fn send(&self, page: &str, to: &str, fields: &[(&str, &str)]) -> Response {
        let page = self.page(page).await;
        let mut form = Vec::new();
        for name in ["form_token", "key", "seen", "devices"] {
            if let Some((_, rest)) = page.split_once(&format!("name=\"{name}\" value=\"")) {
                form.push((name, rest.split('"').next().unwrap()));
            }
        }
        form.extend(fields);
        let form: String = form
            .iter()
            .map(|(name, value)| format!("{name}={}&", value.replace('+', "%2B")))
            .collect();
        let call = self.client.post(format!("{}{to}", self.url));
        call.header("cookie", &self.cookie)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form)
            .send()
            .await
            .unwrap()
    }

    async fn commands(&self) -> usize {
        let history = self
            .fleet
            .server
            .commands
            .history(&admin(), &self.device)
            .await;
        history.unwrap().len()
    }
}

#[tokio::test]
async fn a_secret_that_was_changed_in_a_form_is_refused_as_the_forms_fault() {
    let host = Host::new().await;
    let page = host.page("/account").await;
    let (_, rest) = page.split_once("name=\"sealed\" value=\"").unwrap();
    let sealed = rest.split('"').next().unwrap();
    let other = if sealed.starts_with('A') { "B" } else { "A" };
    let changed = format!("{other}{}", &sealed[1..]);
    for sealed in [changed.as_str(), "", "AAAA", "no base64!"] {
        let fields = [
            ("sealed", sealed),
            ("code", "123456"),
            ("password", PASSWORD),
        ];
        let answer = host
            .send("/account", "/account/one-time-passwords", &fields)
            .await;
        assert_eq!(answer.status(), 422, "{sealed}");
        let said = answer.text().await.unwrap();
        assert!(said.contains("load the page again"), "{said}");
    }
    let users = host.fleet.server.identity.users(&admin()).await.unwrap();
    assert!(users.iter().all(|user| user.totp.is_none()));
}

#[tokio::test]
async fn a_validity_that_cannot_be_read_is_an_error_and_not_for_ever() {
    let host = Host::new().await;
    let reset = format!("/devices/{}/reset", host.device);
    for unreadable in ["never", "-1", "60 s", "99999999999999999999"] {
        let valid_for = ("valid_for", unreadable);
        let token = [
            ("name", "nightly"),
            ("devices", "all"),
            ("see", "on"),
            valid_for,
        ];
        let answer = host.send("/tokens", "/tokens", &token).await;
        assert_eq!(answer.status(), 422, "{unreadable}");
        let answer = host
            .send(&reset, &reset, &[("password", "7294"), valid_for])
            .await;
        assert_eq!(answer.status(), 422, "{unreadable}");
        let fields = [("passwords", "one"), ("password", "7294"), valid_for];
        let answer = host
            .send("/groups/sales/reset", "/groups/sales/reset", &fields)
            .await;
        assert_eq!(answer.status(), 422, "{unreadable}");
    }
    let tokens = host.fleet.server.identity.tokens(&admin()).await.unwrap();
    assert!(tokens.iter().all(|token| token.name != "nightly"));
    assert_eq!(host.commands().await, 0);
    let bulks = host
        .fleet
        .server
        .bulks
        .list(&admin(), None, 10)
        .await
        .unwrap();
    assert_eq!(bulks.len(), 0);
    // The same forms, with a number, do what they are for.
    let fields = [("password", "7294"), ("valid_for", "3600")];
    let answer = host.send(&reset, &reset, &fields).await;
    assert_eq!(answer.status(), 303, "to the page of the device");
    assert_eq!(host.commands().await, 1);
}

#[tokio::test]
async fn a_number_outside_the_bounds_of_the_document_is_refused() {
    let host = Host::new().await;
    let status = async |call: reqwest::RequestBuilder| {
        let answer = call.bearer_auth(&host.token).send().await.unwrap();
        answer.status().as_u16()
    };
    for (path, most) in [("/devices", 500), ("/bulks", 500), ("/audit", 500)] {
        let list = |limit: u64| {
            let url = format!("{}/api/v1{path}?limit={limit}", host.url);
            status(host.client.get(url))
        };
        assert_eq!(list(1).await, 200, "{path}");
        assert_eq!(list(most).await, 200, "{path}");
        for bad in [0, most + 1, u64::from(u32::MAX) + 1] {
            let refused = list(bad).await;
            assert!([400, 422].contains(&refused), "{path} {bad}: {refused}");
        }
    }
    let device = format!("/devices/{}", host.device);
    let ten_years = 3650 * 24 * 3600_u64;
    let password = |valid_for: u64| json!({"password": "7294", "terms": {"valid_for": valid_for}});
    let token = |valid_for: u64| json!({"name": "two", "permissions": ["see"], "groups": null, "valid_for": valid_for});
    let policy =
        |length: u64| json!({"requirement": {"quality": "numeric"}, "minimum_length": length});
    let long = |length: usize| json!({"password": "7294", "reason": "é".repeat(length)});
    let refused: [(&str, String, Value); 9] = [
        ("POST", format!("{device}/password/reset"), password(0)),
        (
            "POST",
            format!("{device}/password/reset"),
            password(ten_years + 1),
        ),
        ("POST", format!("{device}/password/reset"), long(501)),
        ("POST", "/tokens".into(), token(0)),
        ("POST", "/tokens".into(), token(ten_years + 1)),
        ("POST", "/enrollment-tokens".into(), json!({"valid_for": 0})),
        (
            "POST",
            "/enrollment-tokens".into(),
            json!({"valid_for": 365 * 24 * 3600 + 1}),
        ),
        ("PUT", format!("{device}/policy"), policy(17)),
        (
            "POST",
            format!("{device}/revoke"),
            json!({"reason": "é".repeat(501)}),
        ),
    ];
    let call = |method: &str, path: &str, body: &Value| {
        let url = format!("{}/api/v1{path}", host.url);
        let method = method.parse().unwrap();
        status(host.client.request(method, url).json(body))
    };
    for (method, path, body) in &refused {
        assert_eq!(call(method, path, body).await, 422, "{path} {body}");
    }
    assert_eq!(host.commands().await, 0);
    let reset = format!("{device}/password/reset");
    for (method, path, body, expected) in [
        ("POST", reset.as_str(), long(500), 201),
        ("POST", "/tokens", token(ten_years), 201),
        ("PUT", &format!("{device}/policy"), policy(16), 200),
    ] {
        assert_eq!(call(method, path, &body).await, expected, "{path}");
    }
}
