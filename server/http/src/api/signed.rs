//! Signed requests and responses, by `mdm_agent_protocol::signature` and `mdm_agent_protocol::answer`.

use super::{
    body::{self, json},
    components::Components,
    problem::ApiError,
    rate::RateLimits,
};
use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{FromRequest, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use mdm_agent_protocol::{
    answer::{Answer, ResponseKind},
    signature::{
        self, AGENT, CONTENT_DIGEST, Headers, NEW, SIGNATURE, SIGNATURE_INPUT, SignatureError,
        Signed,
    },
    signing_key::VerifyingKey,
    succession::Succession,
    sync::RotateKeysRequest,
};
use mdm_contract::time;
use mdm_server_core::{agents::Agents, agents::AuthenticatedAgent, error::ServerError};
use serde::de::DeserializeOwned;
use std::sync::{Arc, OnceLock};

/// The request's signature to which the response refers. `None` until the server has verified it.
#[derive(Clone, Default)]
struct Verified(Arc<OnceLock<Subject>>);

struct Subject {
    /// The kind of the response to a request that succeeds.
    success: ResponseKind,
    label: &'static str,
    signature: Vec<u8>,
}

/// A request with signature headers, which are not verified yet.
pub(super) struct SignedCall {
    method: Method,
    path: String,
    headers: Headers,
    body: Bytes,
    meter: Option<Arc<RateLimits>>,
    verified: Verified,
}

impl FromRequest<Components> for SignedCall {
    type Rejection = ApiError;

    /// Nothing is read of the body of a call that doesn't even say that it is signed.
    async fn from_request(request: Request, components: &Components) -> Result<Self, ApiError> {
        let headers = headers(request.headers())?;
        Ok(Self {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            headers,
            meter: request.extensions().get::<Arc<RateLimits>>().cloned(),
            verified: request
                .extensions()
                .get::<Verified>()
                .cloned()
                .unwrap_or_default(),
            body: body::read(request, components).await?,
        })
    }
}

impl SignedCall {
    /// The agent that makes this call. It signs under these labels, [`AGENT`] among them, and the call is answered with
    /// this kind of answer if it succeeds.
    pub(super) async fn by_agent(
        &self,
        agents: &Agents,
        labels: &[&'static str],
        success: ResponseKind,
    ) -> Result<AuthenticatedAgent, ApiError> {
        self.headers
            .check_labels(labels)
            .map_err(ServerError::from)?;
        let signed = agents.verify(&self.request(), &self.headers).await?;
        self.is_verified(success, AGENT, signed.signature());
        let agent = agents.admit(signed).await?;
        if let Some(meter) = &self.meter {
            meter.device(&agent.device)?;
        }
        Ok(agent)
    }

    /// The agent that makes this call, by a key that followed on the one that the host knows, and its keys.
    pub(super) async fn by_successor(
        &self,
        agents: &Agents,
        successions: &[Succession],
    ) -> Result<(AuthenticatedAgent, RotateKeysRequest), ApiError> {
        self.headers
            .check_labels(&[AGENT])
            .map_err(ServerError::from)?;
        let (signed, keys) = agents
            .verify_successor(&self.request(), &self.headers, successions)
            .await?;
        self.is_verified(ResponseKind::KeysChanged, AGENT, signed.signature());
        Ok((agents.admit(signed).await?, keys))
    }

    /// Checks that a device that asks to be taken in has the other half of its key, and has signed just now.
    pub(super) fn by_newcomer(&self, key: &VerifyingKey) -> Result<(), ApiError> {
        self.headers
            .check_labels(&[NEW])
            .map_err(ServerError::from)?;
        let signed = self.by_new_key(NEW, key)?;
        self.is_verified(ResponseKind::Enrolled, NEW, &signed.signature);
        Ok(Agents::check_enrollment_time(&signed)?)
    }

    /// Checks that the caller has the other half of a new key of this device.
    pub(super) fn by_new_key(&self, device: &str, key: &VerifyingKey) -> Result<Signed, ApiError> {
        let verified = Signed::of_request(&self.headers, NEW).and_then(|signed| {
            match signed.device == device {
                true => signed
                    .verify(&self.request(), &self.headers, key)
                    .map(|()| signed),
                false => Err(SignatureError::BadParameter("keyid")),
            }
        });
        Ok(verified.map_err(ServerError::from)?)
    }

    /// The response refers to this signature from now on.
    fn is_verified(&self, success: ResponseKind, label: &'static str, signature: &[u8]) {
        // A call has one handler, which verifies one signature of its sender.
        let _ = self.verified.0.set(Subject {
            success,
            label,
            signature: signature.to_vec(),
        });
    }

    /// The body.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        json(&self.body)
    }

    fn request(&self) -> signature::Request<'_> {
        signature::Request {
            method: self.method.as_str(),
            path: &self.path,
            body: &self.body,
        }
    }
}

fn headers(headers: &HeaderMap) -> Result<Headers, ApiError> {
    let header = |name: &'static str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.map(str::to_owned).ok_or_else(|| {
            let text = format!(
                "this call is to be signed by the device's key (RFC 9421), and the header `{name}` is missing"
            );
            ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", text)
        })
    };
    Ok(Headers {
        content_digest: header(CONTENT_DIGEST)?,
        signature_input: header(SIGNATURE_INPUT)?,
        signature: header(SIGNATURE)?,
    })
}

/// Signs the response only if the request's signature was verified. Otherwise an attacker could show the response as the
/// answer to another sender's request.
pub(super) async fn sign_answers(
    State(agents): State<Arc<Agents>>,
    mut request: Request,
    next: Next,
) -> Response {
    let verified = Verified::default();
    request.extensions_mut().insert(verified.clone());
    let response = next.run(request).await;
    match verified.0.get() {
        // On the heap, so that a call takes no memory for it while it waits.
        Some(subject) => Box::pin(sign(&agents, response, subject)).await,
        None => response,
    }
}

async fn sign(agents: &Agents, response: Response, subject: &Subject) -> Response {
    let (mut parts, body) = response.into_parts();
    let failed = |error: String| {
        let text = format!("the answer could not be signed: {error}");
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "signing-failed", text).into_response()
    };
    let body = match to_bytes(body, usize::MAX).await {
        Ok(body) => body,
        Err(error) => return failed(error.to_string()),
    };
    let status = parts.status.as_u16();
    let answer = Answer {
        kind: ResponseKind::of(subject.success, status),
        status,
        body: &body,
        label: subject.label,
        request: &subject.signature,
    };
    let signed = match answer.sign(time::now() / 1000, agents.keys().signing_key()) {
        Ok(signed) => signed,
        Err(error) => return failed(error.to_string()),
    };
    for (name, value) in [
        (CONTENT_DIGEST, signed.content_digest),
        (SIGNATURE_INPUT, signed.signature_input),
        (SIGNATURE, signed.signature),
    ] {
        match HeaderValue::try_from(value) {
            Ok(value) => parts.headers.insert(HeaderName::from_static(name), value),
            Err(error) => return failed(error.to_string()),
        };
    }
    Response::from_parts(parts, Body::from(body))
}
