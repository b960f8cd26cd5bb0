//! A minimal agent: a key, a connection, and its requests. Its syncs are signed as real ones
//! are; it carries nothing out, and believes every answer.

use super::connection::{Call, Connection, by_admin};
use crate::device_info::owner;
use http_body_util::Full;
use hyper::{
    Method, Request,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST},
};
use mdm_agent_protocol::{
    sealing::PrivateKey,
    signature::{
        AGENT, CONTENT_DIGEST, Headers, NEW, Request as Signed, SIGNATURE, SIGNATURE_INPUT, Stamp,
    },
    signing_key::SigningKey,
    sync::{
        ENROLL_PATH, EnrollRequest, EnrollResponse, Report, SYNC_PATH, SealedCommand, SyncRequest,
        SyncResponse,
    },
};
use mdm_contract::{DeviceOutcome, time};
use serde_json::{Value, json};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// The agent of a device.
pub struct LightAgent {
    device: String,
    key: Arc<SigningKey>,
}

impl LightAgent {
    /// Enrolls a device in these groups. Returns its agent.
    pub async fn enroll(
        connection: &mut Connection,
        admin: &str,
        groups: &[&str],
    ) -> anyhow::Result<Self> {
        let body = json!({ "groups": groups }).to_string();
        let call = by_admin(Method::POST, "/api/v1/enrollment-tokens", admin, body)?;
        let made: Value = connection.send(call).await?.json()?;
        let token = made["token"].as_str().unwrap_or_default();
        let key = Arc::new(SigningKey::generate()?);
        let body = serde_json::to_vec(&EnrollRequest {
            name: "phone".into(),
            public_key: PrivateKey::generate().1,
            signing_key: key.verifying_key().clone(),
            device_info: owner(),
        })?;
        let headers = sign(ENROLL_PATH, NEW, NEW, &key, &body)?;
        let mut call = signed_call(ENROLL_PATH, &headers, body)?;
        let token = format!("Bearer {token}").parse()?;
        call.headers_mut().insert(AUTHORIZATION, token);
        let enrolled: EnrollResponse = connection.send(call).await?.json()?;
        Ok(Self {
            device: enrolled.device,
            key,
        })
    }

    /// An agent for another device. It signs with the key of this one.
    pub fn of(&self, device: &str) -> Self {
        Self {
            device: device.to_owned(),
            key: Arc::clone(&self.key),
        }
    }

    /// The id that the host gave the device.
    pub fn device(&self) -> &str {
        &self.device
    }

    /// A sync, signed now.
    pub fn call(&self, reports: Vec<Report>, wait_seconds: u32) -> anyhow::Result<Call> {
        let body = serde_json::to_vec(&SyncRequest {
            device_info: owner(),
            reports,
            holding: Vec::new(),
            policy: None,
            wait_seconds,
            witness: None,
        })?;
        let headers = sign(SYNC_PATH, &self.device, AGENT, &self.key, &body)?;
        signed_call(SYNC_PATH, &headers, body)
    }

    /// Syncs. Returns the commands of the response.
    pub async fn sync(
        &self,
        connection: &mut Connection,
        reports: Vec<Report>,
        wait_seconds: u32,
    ) -> anyhow::Result<Vec<SealedCommand>> {
        let call = self.call(reports, wait_seconds)?;
        let response: SyncResponse = connection.send(call).await?.json()?;
        Ok(response.commands)
    }
}

/// The report of an agent that has carried out a command.
pub fn success(command: &SealedCommand) -> Report {
    Report {
        command: command.id.clone(),
        outcome: DeviceOutcome::Success,
    }
}

fn sign(
    path: &str,
    device: &str,
    label: &str,
    key: &SigningKey,
    body: &[u8],
) -> anyhow::Result<Headers> {
    static NONCE: AtomicU64 = AtomicU64::new(0);
    let request = Signed {
        method: "POST",
        path,
        body,
    };
    let stamp = Stamp {
        device,
        // One second ahead: a host refuses signatures from the second in which it started, or earlier.
        created: time::now() / 1000 + 1,
        nonce: &format!("load {}", NONCE.fetch_add(1, Ordering::Relaxed)),
    };
    Ok(request.sign(stamp, &[(label, key)])?)
}

fn signed_call(path: &str, headers: &Headers, body: Vec<u8>) -> anyhow::Result<Call> {
    Ok(Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(HOST, "localhost")
        .header(CONTENT_TYPE, "application/json")
        .header(CONTENT_DIGEST, &headers.content_digest)
        .header(SIGNATURE_INPUT, &headers.signature_input)
        .header(SIGNATURE, &headers.signature)
        .body(Full::from(body))?)
}
