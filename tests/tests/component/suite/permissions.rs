//! Every route of the API and of the dashboard, as they list themselves: who may not do what it needs is refused,
//! who may is not, and a stranger never gets that far.

use crate::test_host::{TestHost, admin, client, owner, password};
use axum::http::Method;
use mdm_server_core::{
    access::{DeviceScope, Permission, Role},
    token,
};
use mdm_server_http::dashboard::{self, RequiredPermission};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The group of the only device.
const HERE: &str = "here";

/// A host that listens, with one device.
struct Host {
    fleet: TestHost,
    url: String,
    device: String,
    client: Client,
}

impl Host {
    async fn new() -> Self {
        let fleet = TestHost::new().await;
        let device = fleet.enroll_in(owner(), &[HERE]).await.device;
        let (url, _) = fleet.listens().await;
        Self {
            fleet,
            url,
            device,
            client: client(),
        }
    }

    async fn token(
        &self,
        name: &str,
        permissions: BTreeSet<Permission>,
        scope: DeviceScope,
    ) -> String {
        self.fleet.token(name, permissions, scope).await
    }

    /// The cookie of a new user's session.
    async fn user(&self, name: &str, role: Role, scope: DeviceScope) -> String {
        let server = &self.fleet.server;
        let made = server
            .identity
            .add_user(&admin(), name, role, scope)
            .await
            .unwrap();
        let (invitation, chosen) = (token::digest(&made.token), password("tulip-anvil-rainy-42"));
        let session = server
            .identity
            .accept_invitation(invitation, chosen, None)
            .await;
        format!("mdm-session={}", session.unwrap().as_str())
    }

    fn request(&self, method: &Method, path: &str) -> RequestBuilder {
        let path = path
            .replace("{device}", &self.device)
            .replace("{group}", HERE)
            .replace("{user}", "nobody")
            .replace("{decision}", "release")
            .replace("{", "")
            .replace("}", "");
        self.client
            .request(method.clone(), format!("{}{path}", self.url))
    }

    async fn commands(&self) -> usize {
        let status = self
            .fleet
            .server
            .commands
            .status(&admin(), &self.device)
            .await;
        status.unwrap().1.len()
    }
}

/// A helpdesk's reach that the device is not in.
fn elsewhere() -> DeviceScope {
    DeviceScope(Some(["elsewhere".to_owned()].into()))
}

/// An operation of the document.
struct Operation {
    method: Method,
    path: String,
    needs: Option<Permission>,
    body: Option<Value>,
}

impl Operation {
    fn request(&self, host: &Host) -> RequestBuilder {
        let request = host.request(&self.method, &self.path);
        match &self.body {
            Some(body) => request.json(body),
            None => request,
        }
    }

    async fn by(&self, host: &Host, token: &str) -> Response {
        self.request(host).bearer_auth(token).send().await.unwrap()
    }
}

async fn operations(host: &Host) -> Vec<Operation> {
    let url = format!("{}/api/v1/openapi.json", host.url);
    let document: Value = host
        .client
        .get(url)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let needs = operation["security"][0]["token"][0].as_str();
            let body = &operation["requestBody"]["content"]["application/json"]["schema"];
            found.push(Operation {
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                needs: needs.map(|word| word.parse().unwrap()),
                body: body.is_object().then(|| sample(body, &document)),
            });
        }
    }
    found
}

/// The least that a schema takes.
fn sample(schema: &Value, document: &Value) -> Value {
    if let Some(reference) = schema["$ref"].as_str() {
        let schema = document.pointer(reference.trim_start_matches('#'));
        return sample(schema.unwrap(), document);
    }
    if let Some(first) = schema["oneOf"].get(0).or(schema["allOf"].get(0)) {
        return sample(first, document);
    }
    if let Some(word) = schema["enum"].get(0) {
        return word.clone();
    }
    let kind = schema["type"].as_str().or(schema["type"][0].as_str());
    match kind {
        Some("object") => {
            let required = schema["required"].as_array().cloned().unwrap_or_default();
            let fields = required.iter().map(|name| {
                let name = name.as_str().unwrap();
                (
                    name.to_owned(),
                    sample(&schema["properties"][name], document),
                )
            });
            Value::Object(fields.collect::<Map<_, _>>())
        }
        Some("array") => json!([]),
        Some("integer") => json!(1),
        Some("boolean") => json!(false),
        _ => json!("7294"),
    }
}

#[tokio::test]
async fn each_operation_is_refused_to_whom_lacks_what_it_declares_and_to_nobody_else() {
    let host = Host::new().await;
    let operations = operations(&host).await;
    assert!(operations.len() > 25, "{}", operations.len());
    let viewer = Role::Viewer.permissions();
    let helpdesk = Role::Helpdesk.permissions();
    let by_viewer = host.token("viewer", viewer.clone(), DeviceScope::ALL).await;
    let by_helpdesk = host.token("helpdesk", helpdesk.clone(), elsewhere()).await;
    let by_admin = host
        .token("all", Role::Admin.permissions(), DeviceScope::ALL)
        .await;
    for operation in &operations {
        let what = format!("{} {}", operation.method, operation.path);
        let by_nobody = operation.request(&host).send().await.unwrap().status();
        let Some(needed) = operation.needs else {
            assert_eq!(by_nobody, StatusCode::OK, "{what} by a stranger");
            continue;
        };
        assert_eq!(by_nobody, StatusCode::UNAUTHORIZED, "{what} by a stranger");
        let status = operation.by(&host, &by_viewer).await.status();
        let is_refused = status == StatusCode::FORBIDDEN;
        assert_eq!(
            is_refused,
            !viewer.contains(&needed),
            "{what} by a viewer: {status}"
        );

        let answer = operation.by(&host, &by_helpdesk).await;
        let status = answer.status();
        let is_about_here = ["{device}", "{group}"]
            .iter()
            .any(|it| operation.path.contains(it));
        if is_about_here || !helpdesk.contains(&needed) {
            assert_eq!(status, StatusCode::FORBIDDEN, "{what} by another helpdesk");
        }
        if status.is_success() {
            let text = answer.text().await.unwrap();
            assert!(
                !text.contains(&host.device),
                "{what} tells another helpdesk of the device"
            );
        }
    }
    assert_eq!(host.commands().await, 0, "nobody was to reset anything");
    for operation in operations.iter().filter(|it| it.needs.is_some()) {
        let status = operation.by(&host, &by_admin).await.status();
        let what = format!("{} {}", operation.method, operation.path);
        assert_ne!(status, StatusCode::FORBIDDEN, "{what} by an admin");
        assert_ne!(status, StatusCode::UNAUTHORIZED, "{what} by an admin");
        assert_ne!(
            status,
            StatusCode::BAD_REQUEST,
            "{what} does not take what it says"
        );
    }
}

#[tokio::test]
async fn each_page_is_refused_to_whom_lacks_what_it_declares_and_to_nobody_else() {
    let host = Host::new().await;
    let viewer = host.user("vera", Role::Viewer, DeviceScope::ALL).await;
    let helpdesk = host.user("hal", Role::Helpdesk, elsewhere()).await;
    let admin = host.user("ada", Role::Admin, DeviceScope::ALL).await;
    for route in dashboard::routes() {
        let what = format!("{} {}", route.method, route.path);
        let by_nobody = host
            .request(&route.method, route.path)
            .send()
            .await
            .unwrap();
        let needed = match route.needs {
            None => continue,
            Some(needs) => {
                assert!(!by_nobody.status().is_success(), "{what} by a stranger");
                needs
            }
        };
        // After signing out, no other route could be tested.
        if route.path == "/sign-out" {
            continue;
        }
        let may = |role: Role| match needed {
            RequiredPermission::Anybody => true,
            RequiredPermission::Permission(needed) => role.permissions().contains(&needed),
        };
        let by = async |cookie: &str| {
            let form_token = form_token(&host, cookie).await;
            let form = format!("form_token={form_token}&password=7294&reason=");
            let request = host.request(&route.method, route.path);
            let request = match route.method {
                Method::POST => request
                    .header("content-type", "application/x-www-form-urlencoded")
                    .body(form),
                _ => request,
            };
            request.header("cookie", cookie).send().await.unwrap()
        };
        let status = by(&viewer).await.status();
        let is_refused = status == StatusCode::FORBIDDEN;
        assert_eq!(
            is_refused,
            !may(Role::Viewer),
            "{what} by a viewer: {status}"
        );

        let answer = by(&helpdesk).await;
        let status = answer.status();
        if !may(Role::Helpdesk) || (route.path.contains("{device}") && route.method == Method::GET)
        {
            assert_eq!(status, StatusCode::FORBIDDEN, "{what} by another helpdesk");
        } else if status.is_success()
            && !["/live", "/devices/{device}/reset/preview"].contains(&route.path)
        {
            // The refusal of a preview names the device that was asked for.
            let text = answer.text().await.unwrap();
            assert!(
                !text.contains(&host.device),
                "{what} tells another helpdesk of the device"
            );
        }
        assert_eq!(host.commands().await, 0, "{what} by another helpdesk");

        if route.method == Method::GET {
            let status = by(&admin).await.status();
            assert_ne!(status, StatusCode::FORBIDDEN, "{what} by an admin");
        }
    }
}

/// The token in the forms of this session.
async fn form_token(host: &Host, cookie: &str) -> String {
    let page = host
        .request(&Method::GET, "/account")
        .header("cookie", cookie);
    let page = page.send().await.unwrap().text().await.unwrap();
    let (_, rest) = page.split_once("name=\"form_token\" value=\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}
