//! Requests with the keys of an agent that the real agent would not send.

use crate::test_environment::{Device, TestEnvironment, http_client};
use anyhow::Context as _;
use mdm_agent::{keys::DeviceKeys, state::Home, token};
use mdm_agent_protocol::{
    signature::{AGENT, CONTENT_DIGEST, Headers, Request, SIGNATURE, SIGNATURE_INPUT, Stamp},
    signing_key::SigningKey,
    sync::SYNC_PATH,
};
use mdm_contract::time;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};

/// The agent of a device, in other hands.
pub struct AsAgent {
    url: String,
    /// The device that it claims to be.
    pub device: String,
    /// The keys that it signs with.
    pub keys: DeviceKeys,
    /// The device info that it sends.
    pub device_info: Value,
    calls: AtomicU64,
}

/// A call of an agent, signed.
#[derive(Clone)]
pub struct Call {
    url: String,
    /// The body.
    pub body: String,
    /// The headers of its signature.
    pub headers: Headers,
    /// The enrollment token that comes with it.
    pub token: Option<String>,
}

impl AsAgent {
    /// Takes the keys of this device's agent.
    pub fn of(env: &TestEnvironment, device: &Device) -> anyhow::Result<Self> {
        let home = Home::at(&env.folder().join(&device.name));
        let agent = home.agent.read()?;
        let device_info = token::device_info(&agent, &home.device.read()?);
        Ok(Self {
            url: format!("{}{SYNC_PATH}", env.url()),
            keys: agent.keys,
            device: agent.device,
            device_info: serde_json::to_value(device_info)?,
            calls: AtomicU64::new(0),
        })
    }

    /// Syncs now, and reports this.
    pub fn report(&self, command: &Value, outcome: &Value) -> anyhow::Result<(u16, Value)> {
        let reports = json!([{"command": command, "outcome": outcome}]);
        self.sync(&json!({"device_info": self.device_info, "reports": reports}))
    }

    /// Syncs now.
    pub fn sync(&self, body: &Value) -> anyhow::Result<(u16, Value)> {
        self.signed(body, now())?.send()
    }

    /// A sync, signed at this time, in seconds since 1970.
    pub fn signed(&self, body: &Value, created: u64) -> anyhow::Result<Call> {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let stamp = Stamp {
            device: &self.device,
            created,
            nonce: &format!("by hand {number}"),
        };
        let key = self.keys.signing_key()?;
        let mut call = Call::new("", SYNC_PATH, stamp, &[(AGENT, &key)], body)?;
        call.url.clone_from(&self.url);
        Ok(call)
    }
}

impl Call {
    /// A call of a host at this path, signed with these keys under their labels.
    pub fn new(
        host: &str,
        path: &str,
        stamp: Stamp<'_>,
        keys: &[(&str, &SigningKey)],
        body: &Value,
    ) -> anyhow::Result<Self> {
        let body = body.to_string();
        let request = Request {
            method: "POST",
            path,
            body: body.as_bytes(),
        };
        Ok(Self {
            url: format!("{host}{path}"),
            headers: request.sign(stamp, keys)?,
            body,
            token: None,
        })
    }

    /// The same, for another host.
    pub fn at(&self, env: &TestEnvironment) -> Self {
        Self {
            url: format!("{}{SYNC_PATH}", env.url()),
            ..self.clone()
        }
    }

    /// Sends it, as often as one likes; gives the status and the body of the answer.
    pub fn send(&self) -> anyhow::Result<(u16, Value)> {
        let (status, _, body) = self.send_for_headers()?;
        Ok((status, body))
    }

    /// The same, with the signature headers of the response. `None` if it is not signed.
    pub fn send_for_headers(&self) -> anyhow::Result<(u16, Option<Headers>, Value)> {
        let mut request = http_client()
            .post(&self.url)
            .header(CONTENT_DIGEST, &self.headers.content_digest)
            .header(SIGNATURE_INPUT, &self.headers.signature_input)
            .header(SIGNATURE, &self.headers.signature)
            .body(self.body.clone());
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let response = request.send().await?;
            let status = response.status().as_u16();
            let header = |name| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
            let signed = header(SIGNATURE).map(|signature| Headers {
                content_digest: header(CONTENT_DIGEST).unwrap_or_default(),
                signature_input: header(SIGNATURE_INPUT).unwrap_or_default(),
                signature,
            });
            let body = response.bytes().await?;
            let body = serde_json::from_slice(&body).context("the answer is no JSON")?;
            Ok((status, signed, body))
        })
    }
}

/// A time at which a host takes signatures, also if it has started within this very second; in seconds since 1970.
pub fn now() -> u64 {
    time::now() / 1000 + 1
}
