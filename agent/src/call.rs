//! Requests to the server. Each is signed with the device's key. A response counts only if the server has signed it for
//! this request and as this kind.

use crate::{error::AgentError, state::Agent};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use mdm_agent_protocol::{
    answer::{Answer, ResponseKind},
    signature::{
        AGENT, CONTENT_DIGEST, Headers, NEW, Request, SIGNATURE, SIGNATURE_INPUT, SignatureError,
        Signed, Stamp,
    },
    signing_key::{SigningKey, VerifyingKey},
    sync::{Answered, Problem},
};
use mdm_contract::time;
use reqwest::{StatusCode, header::HeaderMap};
use serde::{Serialize, de::DeserializeOwned};
use std::time::Duration;

/// The error of a request.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The server can't be reached.
    #[error("the host at {url} can't be reached ({cause}): is it running, and is the network up?")]
    Unreachable {
        /// Where.
        url: String,
        /// The network's error.
        cause: String,
    },
    /// The authority's file has no certificate.
    #[error("the certificates of the host's authority are not PEM: enroll again with --ca-file")]
    BadAuthorities,
    /// The server refused the request.
    #[error("the host refused: {}", .0.detail)]
    Refused(Box<Problem>),
    /// The server or a proxy in front of it can't serve now.
    #[error("{url} can't serve now ({status}, unsigned)")]
    NotServing {
        /// Where.
        url: String,
        /// The HTTP status.
        status: StatusCode,
    },
    /// The refusal is unsigned: the server signs only for agents whose key it knows.
    #[error(
        "{url} is not the host that the device is enrolled at, or does not know the device's key (401, unsigned): the \
         answer is ignored"
    )]
    NotKnown {
        /// Where.
        url: String,
    },
    /// The response is not signed by this server.
    #[error(
        "the answer of {url} was not signed by the host that the device is enrolled at ({cause}): it is ignored"
    )]
    NotTheHost {
        /// The URL that answered.
        url: String,
        /// The error of the response's signature.
        cause: SignatureError,
    },
    /// The response has an unexpected form.
    #[error("the host at {0} gave an answer that this agent doesn't understand ({1})")]
    NotUnderstood(String, String),
    /// An error of the agent itself.
    #[error(transparent)]
    Agent(#[from] AgentError),
}

/// The sender of a request, and the key that verifies the response.
pub(crate) struct Caller<'a> {
    /// The host's address.
    pub(crate) host: &'a str,
    /// The device's id; [`NEW`] at enrollment.
    pub(crate) device: &'a str,
    /// The signing keys with their labels.
    pub(crate) keys: &'a [(&'static str, &'a SigningKey)],
    /// The server's key, which verifies responses. `None` at enrollment: the response brings it.
    pub(crate) host_key: Option<&'a VerifyingKey>,
    /// The offset of the server's clock to this one, in seconds.
    pub(crate) host_clock_ahead: i64,
}

/// Maximum size of a response, in bytes.
const MAX_RESPONSE_BYTES: usize = 4 << 20;

/// A verified response of the server.
pub(crate) struct HostAnswer<T> {
    /// The body.
    pub(crate) body: T,
    /// The offset of its clock to this one, in seconds.
    pub(crate) host_clock_ahead: i64,
}

impl Caller<'_> {
    /// Sends the request. If the server reports a wrong clock, sends it once more by the server's clock.
    pub(crate) async fn post<T: Answered + DeserializeOwned>(
        &self,
        http: &reqwest::Client,
        path: &str,
        token: Option<&str>,
        body: &impl Serialize,
    ) -> Result<HostAnswer<T>, CallError> {
        let by_our_clock = now().saturating_add_signed(self.host_clock_ahead);
        let url = format!("{}{path}", self.host);
        let body = serde_json::to_vec(body)
            .map_err(|error| CallError::NotUnderstood(url.clone(), error.to_string()))?;
        let call = |created| self.post_at(created, http, (path, &url), token, &body);
        match call(by_our_clock).await {
            Err(CallError::Refused(problem)) if problem.kind == "signature-not-fresh" => {
                match problem.host_time {
                    Some(by_its_clock) => call(by_its_clock).await,
                    None => Err(CallError::Refused(problem)),
                }
            }
            answered => answered,
        }
    }

    async fn post_at<T: Answered + DeserializeOwned>(
        &self,
        created: u64,
        http: &reqwest::Client,
        (path, url): (&str, &str),
        token: Option<&str>,
        body: &[u8],
    ) -> Result<HostAnswer<T>, CallError> {
        let request = Request {
            method: "POST",
            path,
            body,
        };
        let stamp = Stamp {
            device: self.device,
            created,
            nonce: &nonce()?,
        };
        let headers = request.sign(stamp, self.keys).map_err(AgentError::from)?;
        let unreachable = |error: reqwest::Error| unreachable(url, &error);
        let mut call = http
            .post(url)
            .header("content-type", "application/json")
            .header(CONTENT_DIGEST, &headers.content_digest)
            .header(SIGNATURE_INPUT, &headers.signature_input)
            .header(SIGNATURE, &headers.signature)
            .body(body.to_vec());
        if let Some(token) = token {
            call = call.bearer_auth(token);
        }
        let mut response = call.send().await.map_err(unreachable)?;
        let status = response.status();
        let signed = headers_of(response.headers());
        let not_understood = |what: &str| CallError::NotUnderstood(url.to_owned(), what.to_owned());
        let mut bytes = Vec::new();
        while let Some(part) = response.chunk().await.map_err(unreachable)? {
            bytes.extend_from_slice(&part);
            if bytes.len() > MAX_RESPONSE_BYTES {
                return Err(not_understood("more than 4 MiB"));
            }
        }
        let kind = ResponseKind::of(T::KIND, status.as_u16());
        let host_clock_ahead = match self.host_key {
            None => 0,
            Some(key) => {
                let ours = Signed::of_request(&headers, self.label()).map_err(AgentError::from)?;
                let answer = Answer {
                    kind,
                    status: status.as_u16(),
                    body: &bytes,
                    label: self.label(),
                    request: &ours.signature,
                };
                let verified = answer.verify(&signed, key);
                let created = verified.map_err(|cause| not_by_host(url, status, &signed, cause))?;
                created.cast_signed().saturating_sub(now().cast_signed())
            }
        };
        if kind == T::KIND {
            let body =
                serde_json::from_slice(&bytes).map_err(|_| not_understood(status.as_str()))?;
            return Ok(HostAnswer {
                body,
                host_clock_ahead,
            });
        }
        let problem =
            serde_json::from_slice(&bytes).map_err(|_| not_understood(status.as_str()))?;
        Err(CallError::Refused(problem))
    }

    /// The request's signature to which the response refers.
    fn label(&self) -> &'static str {
        match self.keys.iter().any(|(label, _)| *label == AGENT) {
            true => AGENT,
            false => NEW,
        }
    }
}

impl Agent {
    /// This agent as a sender of requests.
    pub(crate) fn caller<'a>(&'a self, keys: &'a [(&'static str, &'a SigningKey)]) -> Caller<'a> {
        Caller {
            host: &self.host,
            device: &self.device,
            keys,
            host_key: Some(&self.host_key),
            host_clock_ahead: self.host_clock_ahead,
        }
    }
}

/// A client for the agent's server, with a timeout above this wait of a sync.
pub(crate) fn http_client(
    host: &str,
    authorities: Option<&str>,
    wait_seconds: u32,
) -> Result<reqwest::Client, CallError> {
    let timeout = Duration::from_secs(u64::from(wait_seconds) + 10);
    let mut client = reqwest::Client::builder().timeout(timeout);
    if let Some(authorities) = authorities {
        let authorities = reqwest::Certificate::from_pem_bundle(authorities.as_bytes())
            .ok()
            .filter(|authorities| !authorities.is_empty())
            .ok_or(CallError::BadAuthorities)?;
        client = client.tls_certs_only(authorities);
    } else if host.starts_with("http://") {
        // Reading the system's certificates takes longer than a request.
        client = client.tls_certs_only([]);
    }
    client.build().map_err(|error| unreachable(host, &error))
}

/// Returns `true` if the problem is a revoked device.
pub(crate) fn is_revoked(problem: &Problem) -> bool {
    problem.kind == "device-revoked"
}

/// The error for a response that the server has not signed.
fn not_by_host(
    url: &str,
    status: StatusCode,
    signed: &Headers,
    cause: SignatureError,
) -> CallError {
    let url = url.to_owned();
    match status {
        _ if !signed.signature.is_empty() => CallError::NotTheHost { url, cause },
        StatusCode::UNAUTHORIZED => CallError::NotKnown { url },
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => CallError::NotServing { url, status },
        _ => CallError::NotTheHost { url, cause },
    }
}

fn headers_of(headers: &HeaderMap) -> Headers {
    let header = |name| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    Headers {
        content_digest: header(CONTENT_DIGEST),
        signature_input: header(SIGNATURE_INPUT),
        signature: header(SIGNATURE),
    }
}

fn nonce() -> Result<String, AgentError> {
    let mut random = [0u8; 16];
    getrandom::fill(&mut random).map_err(AgentError::NoRandom)?;
    Ok(BASE64.encode(random))
}

/// In seconds since 1970.
fn now() -> u64 {
    time::now() / 1000
}

fn unreachable(url: &str, error: &reqwest::Error) -> CallError {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    CallError::Unreachable {
        url: url.to_owned(),
        cause: cause.to_string(),
    }
}
