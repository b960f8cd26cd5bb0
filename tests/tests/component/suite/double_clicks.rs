//! A double click on any button of the dashboard counts as one click: the second request gets the response of the
//! first.

use crate::{
    calls::Host,
    database,
    forms::{PASSWORD, Page, User},
    test_host::{admin, owner},
};
use mdm_server_core::store::PluginFile;
use mdm_server_http::dashboard;
use mdm_tests::plugins::CORPORATE;
use reqwest::{Method, StatusCode, header};
use std::collections::BTreeSet;
use totp_rs::Totp;

/// Routes of forms without an idempotency key.
const WITHOUT_KEY: [&str; 9] = [
    "/sign-in",
    "/sign-out",
    "/invitation/{token}",
    // A preview changes nothing.
    "/devices/{device}/reset/preview",
    "/groups/{group}/{action}/preview",
    // The passwords of a bulk can be downloaded only once, so a second click must fail.
    "/bulks/{bulk}/export",
    // Once an admin has decided, nothing is held, and a second click changes nothing.
    "/held-commands/cancel",
    "/held-commands/release",
    // An upload of a file. Uploading the active plugin again changes nothing.
    "/plugin/use",
];

/// Sends each form twice, and checks that the second gets the answer of the first.
struct Clicks<'a> {
    user: User<'a>,
    routes: BTreeSet<String>,
}

impl Clicks<'_> {
    /// `route` is the path as the dashboard has it, `path` the same with its variable parts filled in; the form is one
    /// of the page `page`.
    async fn twice(&mut self, route: &str, path: &str, page: &str, fields: &str) -> String {
        let page = self.user.opens(page).await;
        self.sends(route, path, &page, fields).await
    }

    async fn sends(&mut self, route: &str, path: &str, page: &Page, fields: &str) -> String {
        let form = format!("{}&{fields}", page.hidden);
        let mut answers = Vec::new();
        for click in ["first", "second"] {
            let answer = self.user.posts(path, &form).await;
            let (status, headers) = (answer.status(), answer.headers().clone());
            let text = answer.text().await.unwrap();
            let is_done = [StatusCode::OK, StatusCode::SEE_OTHER].contains(&status);
            assert!(is_done, "{route}, {click}: {status} {text}");
            let shown = text.rsplit_once("<code").map(|(_, rest)| rest.to_owned());
            answers.push((status, headers.get(header::LOCATION).cloned(), shown));
        }
        assert_eq!(answers[0], answers[1], "{route}");
        self.routes.insert(route.to_owned());
        let to = answers.remove(0).1;
        to.map_or_else(String::new, |to| to.to_str().unwrap().to_owned())
    }
}

#[tokio::test]
async fn a_double_click_on_any_form_is_one_click() {
    let host = Host::new().await;
    host.fleet.enroll_in(owner(), &["sales"]).await;
    let server = &host.fleet.server;
    let (by, device) = (admin(), &host.agent.device);
    let _bea = User::new(&host, "bea").await;
    let mut clicks = Clicks {
        user: User::new(&host, "ada").await,
        routes: BTreeSet::new(),
    };
    let of = |route: &str| route.replace("{device}", device);

    let route = "/devices/{device}/reset";
    let reset = of(route);
    clicks
        .twice(route, &reset, &reset, "password=1234&reason=")
        .await;
    let pending = server
        .commands
        .history(&by, device)
        .await
        .unwrap()
        .remove(0);
    let route = "/devices/{device}/cancel";
    let command = format!("command={}", pending.id);
    clicks
        .twice(route, &of(route), &of("/devices/{device}"), &command)
        .await;
    let route = "/devices/{device}/policy";
    let policy = "requirement=quality+numeric&minimum_length=4";
    clicks.twice(route, &of(route), &of(route), policy).await;
    let route = "/devices/{device}/remove";
    clicks.twice(route, &of(route), &of(route), "reason=").await;
    assert_eq!(host.commands().await, 2);

    let group = "/groups/sales/reset";
    let fields = "passwords=one&password=1234&reason=";
    let bulk = clicks
        .twice("/groups/{group}/{action}", group, group, fields)
        .await;
    // Requested by Bea, and waiting for approval.
    let waits = "update bulks set state = 'waiting-for-approval', requested_by = 'user bea', principal = 'user bea'";
    database::execute(host.fleet.folder(), waits);
    for action in ["approve", "cancel"] {
        let (route, path) = (
            format!("/bulks/{{bulk}}/{action}"),
            format!("{bulk}/{action}"),
        );
        clicks.twice(&route, &path, &bulk, "").await;
    }

    let user = "role=viewer&devices=all&groups=";
    let new = format!("name=bob&{user}");
    clicks.twice("/users", "/users", "/users", &new).await;
    let bob = "/users/bob";
    clicks.twice("/users/{user}", bob, bob, user).await;
    let route = "/users/{user}/invitation";
    clicks.twice(route, "/users/bob/invitation", bob, "").await;
    let token = "name=nightly&see=&devices=all&groups=&valid_for=2592000";
    clicks.twice("/tokens", "/tokens", "/tokens", token).await;
    let route = "/tokens/{token}/owner";
    let path = "/tokens/nightly/owner";
    clicks.twice(route, path, "/tokens", "owner=bea").await;
    let route = "/tokens/{token}/remove";
    clicks
        .twice(route, "/tokens/nightly/remove", "/tokens", "")
        .await;
    let route = "/users/{user}/remove";
    clicks.twice(route, "/users/bob/remove", bob, "").await;

    let webhook = "url=https%3A%2F%2Fnowhere.invalid%2F&devices=all&groups=";
    clicks
        .twice("/webhooks", "/webhooks", "/webhooks", webhook)
        .await;
    let webhook = server.webhooks.list(&by).await.unwrap().remove(0).id;
    let page = format!("/webhooks/{webhook}");
    for action in ["test", "secret", "pause", "resume", "remove"] {
        let (route, path) = (
            format!("/webhooks/{{webhook}}/{action}"),
            format!("{page}/{action}"),
        );
        clicks.twice(&route, &path, &page, "").await;
    }
    assert!(server.webhooks.list(&by).await.unwrap().is_empty());

    let account = clicks.user.opens("/account").await;
    let (_, secret) = account.text.split_once("Secret: <code>").unwrap();
    let secret = secret.split('<').next().unwrap();
    let url = format!("otpauth://totp/mdm:ada?secret={secret}&issuer=mdm");
    let totp = Totp::from_url(url.as_str()).unwrap();
    let now = mdm_contract::time::now() / 1000;
    let [current, next] = [now, now + 30].map(|at| totp.generate(at).to_string());
    let fields = format!("code={current}&password={PASSWORD}");
    let route = "/account/one-time-passwords";
    clicks.sends(route, route, &account, &fields).await;
    let route = "/account/one-time-passwords/clear";
    let fields = format!("code={next}");
    clicks.twice(route, route, "/account", &fields).await;

    let corporate = PluginFile {
        bytes: CORPORATE.to_vec(),
        signature: None,
    };
    server
        .plugins
        .use_plugin(&by, corporate, None)
        .await
        .unwrap();
    let route = "/plugin/settings";
    let settings = "settings=%7B%22minimum-length%22%3A+10%7D";
    clicks.twice(route, route, "/plugin", settings).await;
    for route in ["/plugin/roll-back", "/plugin/default"] {
        clicks.twice(route, route, "/plugin", "").await;
    }

    let posts = dashboard::routes();
    let posts = posts.iter().filter(|it| it.method == Method::POST);
    let posts: BTreeSet<String> = posts.map(|it| it.path.to_owned()).collect();
    let without = WITHOUT_KEY.map(str::to_owned);
    assert_eq!(posts, &clicks.routes | &BTreeSet::from(without));
}
