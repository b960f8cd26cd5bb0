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

/// The binding of the response to its request. Empty until the server has verified the request's signature.
#[derive(Clone, Default)]
struct Verified(Arc<OnceLock<ResponseBinding>>);

/// The verified signature of a request, to which the response refers.
struct ResponseBinding {
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
    rate_limits: Option<Arc<RateLimits>>,
    verified: Verified,
}

impl FromRequest<Components> for SignedCall {
    type Rejection = ApiError;

    /// Checks the signature headers first: the body of an unsigned call is never read.
    async fn from_request(request: Request, components: &Components) -> Result<Self, ApiError> {
        let headers = headers(request.headers())?;
        Ok(Self {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            headers,
            rate_limits: request.extensions().get::<Arc<RateLimits>>().cloned(),
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
    /// Authenticates the agent that makes this call. `labels` are the signatures that the call must have, [`AGENT`]
    /// among them; `success` is the kind of the response if the call succeeds.
    pub(super) async fn authenticate_agent(
        &self,
        agents: &Agents,
        labels: &[&'static str],
        success: ResponseKind,
    ) -> Result<AuthenticatedAgent, ApiError> {
        self.headers
            .check_labels(labels)
            .map_err(ServerError::from)?;
        let signed = agents.verify(&self.request(), &self.headers).await?;
        self.bind_response(success, AGENT, signed.signature());
        let agent = agents.admit(signed).await?;
        if let Some(rate_limits) = &self.rate_limits {
            rate_limits.device(&agent.device)?;
        }
        Ok(agent)
    }

    /// Authenticates an agent by a successor of the key that the server has stored. Returns the agent and its current
    /// keys.
    pub(super) async fn authenticate_successor(
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
        self.bind_response(ResponseKind::KeysChanged, AGENT, signed.signature());
        Ok((agents.admit(signed).await?, keys))
    }

    /// Verifies an enrollment: the device owns the private key of `key`, and its signature is fresh.
    pub(super) fn verify_enrollment(&self, key: &VerifyingKey) -> Result<(), ApiError> {
        self.headers
            .check_labels(&[NEW])
            .map_err(ServerError::from)?;
        let signed = self.verify_new_key(NEW, key)?;
        self.bind_response(ResponseKind::Enrolled, NEW, &signed.signature);
        Ok(Agents::check_enrollment_time(&signed)?)
    }

    /// Verifies that the caller owns the private key of a new key of this device.
    pub(super) fn verify_new_key(
        &self,
        device: &str,
        key: &VerifyingKey,
    ) -> Result<Signed, ApiError> {
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

    /// Binds the response to this verified signature.
    fn bind_response(&self, success: ResponseKind, label: &'static str, signature: &[u8]) {
        // It fails only if it is called twice; each handler binds the response once.
        let _ = self.verified.0.set(ResponseBinding {
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
                "the header `{name}` is missing: this request must be signed with the device's key (RFC 9421)"
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

/// Signs the response only if the request's signature was verified. Otherwise an attacker could pass off the response
/// as that to another sender's request.
pub(super) async fn sign_answers(
    State(agents): State<Arc<Agents>>,
    mut request: Request,
    next: Next,
) -> Response {
    let verified = Verified::default();
    request.extensions_mut().insert(verified.clone());
    let response = next.run(request).await;
    match verified.0.get() {
        // Boxed: the future of a waiting call then holds no space for signing.
        Some(binding) => Box::pin(sign(&agents, response, binding)).await,
        None => response,
    }
}

async fn sign(agents: &Agents, response: Response, binding: &ResponseBinding) -> Response {
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
        kind: ResponseKind::of(binding.success, status),
        status,
        body: &body,
        label: binding.label,
        request: &binding.signature,
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
