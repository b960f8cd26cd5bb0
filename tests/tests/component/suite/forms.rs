//! Forms of the dashboard that come twice: a double click does what the form says once, and what comes later or with
//! other content is not taken for it.

use crate::{
    calls::{Host, send},
    database,
    test_host::{admin, owner},
};
use futures_util::future::join_all;
use mdm_server_core::access::{DeviceScope, Role};
use reqwest::{Response, StatusCode, header};

pub(crate) const PASSWORD: &str = "seven walnuts under a bridge";
const FORM: &str = "application/x-www-form-urlencoded";

/// A user at the dashboard of a host.
pub(crate) struct User<'a> {
    host: &'a Host,
    cookie: String,
}

/// A page as the user sees it, with the fields that they don't.
pub(crate) struct Page {
    path: String,
    pub(crate) hidden: String,
    pub(crate) text: String,
}

impl<'a> User<'a> {
    pub(crate) async fn new(host: &'a Host, name: &str) -> Self {
        let (server, by) = (&host.fleet.server, admin());
        let invited = server
            .identity
            .add_user(&by, name, Role::Admin, DeviceScope::ALL);
        let path = invited.await.unwrap().path();
        let call = host.client.post(format!("{}{path}", host.url));
        let call = call.header(header::CONTENT_TYPE, FORM);
        let answer = send(call.body(format!("password={PASSWORD}&again={PASSWORD}"))).await;
        let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap();
        Self {
            host,
            cookie: cookie.split(';').next().unwrap().to_owned(),
        }
    }

    pub(crate) async fn opens(&self, path: &str) -> Page {
        let call = self.host.client.get(format!("{}{path}", self.host.url));
        let page = send(call.header(header::COOKIE, &self.cookie)).await;
        assert_eq!(page.status(), StatusCode::OK);
        let page = page.text().await.unwrap();
        // The form of the page is the last one: the first signs out.
        let hidden = ["form_token", "key", "seen", "devices", "sealed"].map(|name| {
            let field = format!("type=\"hidden\" name=\"{name}\" value=\"");
            let value = page.rsplit_once(&field);
            value.map(|(_, rest)| format!("{name}={}", rest.split('"').next().unwrap()))
        });
        Page {
            path: path.to_owned(),
            hidden: hidden.into_iter().flatten().collect::<Vec<_>>().join("&"),
            text: page,
        }
    }

    pub(crate) async fn posts(&self, path: &str, form: &str) -> Response {
        let call = self.host.client.post(format!("{}{path}", self.host.url));
        let call = call.header(header::CONTENT_TYPE, FORM);
        let call = call.header(header::COOKIE, &self.cookie);
        send(call.body(form.to_owned())).await
    }

    async fn sends(&self, page: &Page, fields: &str) -> Response {
        let form = format!("{}&{fields}", page.hidden);
        self.posts(&page.path, &form).await
    }
}

fn reset_of(host: &Host) -> String {
    format!("/devices/{}/reset", host.agent.device)
}

#[tokio::test]
async fn a_double_click_makes_one_command_and_shows_it() {
    let host = Host::new().await;
    let ada = User::new(&host, "ada").await;
    let page = ada.opens(&reset_of(&host)).await;
    let clicks = (0..8).map(|_| ada.sends(&page, "password=1234&reason="));
    for answer in join_all(clicks).await {
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        let to = format!("/devices/{}", host.agent.device);
        assert_eq!(answer.headers()[header::LOCATION], to);
    }
    assert_eq!(host.commands().await, 1);
}

#[tokio::test]
async fn a_form_that_comes_again_with_another_password_is_told_so_and_changes_nothing() {
    let host = Host::new().await;
    let ada = User::new(&host, "ada").await;
    let page = ada.opens(&reset_of(&host)).await;
    let first = ada.sends(&page, "password=1234&reason=").await;
    assert_eq!(first.status(), StatusCode::SEE_OTHER);
    let second = ada.sends(&page, "password=5678&reason=").await;
    assert_eq!(second.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let text = second.text().await.unwrap();
    assert!(text.contains("This form was sent before"), "{text}");
    assert!(text.contains("Nothing was done now"), "{text}");
    assert!(!text.contains("5678"));
    assert_eq!(host.commands().await, 1);
}

#[tokio::test]
async fn a_form_that_comes_again_too_late_for_a_double_click_is_told_so() {
    let host = Host::new().await;
    let ada = User::new(&host, "ada").await;
    let page = ada.opens(&reset_of(&host)).await;
    ada.sends(&page, "password=1234&reason=").await;
    let earlier = "update idempotency_keys set created_at = created_at - 11000";
    database::execute(host.fleet.folder(), earlier);
    let again = ada.sends(&page, "password=1234&reason=").await;
    assert_eq!(again.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let text = again.text().await.unwrap();
    assert!(text.contains("This form was sent before"), "{text}");
    assert_eq!(host.commands().await, 1);
}

#[tokio::test]
async fn the_key_of_a_form_is_that_of_its_user_and_its_device() {
    let host = Host::new().await;
    let other = host.fleet.enroll(owner()).await;
    let (ada, bea) = (User::new(&host, "ada").await, User::new(&host, "bea").await);
    let page = ada.opens(&reset_of(&host)).await;
    ada.sends(&page, "password=1234&reason=").await;

    // Of another device, the same form is not the same.
    let seen = ada.opens(&format!("/devices/{}/reset", other.device)).await;
    let key = page.hidden.split('&').find(|it| it.starts_with("key="));
    let elsewhere = Page {
        path: seen.path.clone(),
        text: String::new(),
        hidden: seen
            .hidden
            .split('&')
            .map(|it| {
                if it.starts_with("key=") {
                    key.unwrap()
                } else {
                    it
                }
            })
            .collect::<Vec<_>>()
            .join("&"),
    };
    let answer = ada.sends(&elsewhere, "password=1234&reason=").await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let commands = host
        .fleet
        .server
        .commands
        .history(&admin(), &other.device)
        .await;
    assert!(commands.unwrap().is_empty());

    // Another user's form with the same key is executed: for another device, it makes a command.
    let seen = bea.opens(&format!("/devices/{}/reset", other.device)).await;
    let theirs = Page {
        path: seen.path.clone(),
        text: String::new(),
        hidden: seen
            .hidden
            .split('&')
            .map(|it| {
                if it.starts_with("key=") {
                    key.unwrap()
                } else {
                    it
                }
            })
            .collect::<Vec<_>>()
            .join("&"),
    };
    let answer = bea.sends(&theirs, "password=1234&reason=").await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let commands = host
        .fleet
        .server
        .commands
        .history(&admin(), &other.device)
        .await;
    assert_eq!(commands.unwrap().len(), 1);
}

#[tokio::test]
async fn a_double_click_shows_the_secret_that_was_made_and_not_that_its_name_is_taken() {
    let host = Host::new().await;
    let ada = User::new(&host, "ada").await;
    for (path, fields) in [
        ("/users", "name=bob&role=viewer&devices=all&groups="),
        (
            "/tokens",
            "name=backup&see=&devices=all&groups=&valid_for=2592000",
        ),
    ] {
        let page = ada.opens(path).await;
        let clicks = join_all((0..2).map(|_| ada.sends(&page, fields))).await;
        let mut shown = Vec::new();
        for answer in clicks {
            assert_eq!(answer.status(), StatusCode::OK, "{path}");
            let text = answer.text().await.unwrap();
            let (_, rest) = text.rsplit_once("<code").unwrap();
            shown.push(rest.split("</code>").next().unwrap().to_owned());
        }
        assert_eq!(shown[0], shown[1], "{path}");
    }
}

#[tokio::test]
async fn a_double_click_on_a_bulk_starts_one() {
    let host = Host::new().await;
    host.fleet.enroll_in(owner(), &["sales"]).await;
    let ada = User::new(&host, "ada").await;
    let page = ada.opens("/groups/sales/reset").await;
    let clicks = (0..4).map(|_| ada.sends(&page, "passwords=different&password=&reason="));
    let mut places = Vec::new();
    for answer in join_all(clicks).await {
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        places.push(answer.headers()[header::LOCATION].clone());
    }
    assert!(places.iter().all(|it| *it == places[0]), "{places:?}");
    let bulks = host
        .fleet
        .server
        .bulks
        .list(&admin(), None, 10)
        .await
        .unwrap();
    assert_eq!(bulks.len(), 1);
}
