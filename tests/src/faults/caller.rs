//! The host as a client reaches it.

use crate::test_environment::http_client;
use reqwest::StatusCode;
use serde_json::Value;
use std::time::Duration;

/// The longest that a client waits for an answer.
const TIMEOUT: Duration = Duration::from_secs(6);

/// The host as a client reaches it.
#[derive(Clone)]
pub(super) struct Caller {
    http: reqwest::Client,
    url: String,
    token: String,
    /// Requests may have an idempotency key, and are repeated with it if the response is lost.
    pub(super) has_keys: bool,
}

impl Caller {
    pub(super) fn new(url: &str, token: String, has_keys: bool) -> Self {
        Self {
            http: http_client(),
            url: format!("{url}/api/v1"),
            token,
            has_keys,
        }
    }

    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let request = self.http.get(format!("{}{path}", self.url));
        let response = request.bearer_auth(&self.token).timeout(TIMEOUT).send();
        Ok(response.await?.error_for_status()?.json().await?)
    }

    /// Sends a request and returns the response. `None` if it was lost.
    pub(super) async fn post(
        &self,
        path: &str,
        body: &Value,
        key: Option<&str>,
    ) -> Option<(StatusCode, Value)> {
        let request = self.http.post(format!("{}{path}", self.url));
        let mut request = request.bearer_auth(&self.token).timeout(TIMEOUT).json(body);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        let response = request.send().await.ok()?;
        Some((response.status(), response.json().await.ok()?))
    }
}
