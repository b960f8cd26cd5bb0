//! Calls that are signed, and answers that the host signs: `mdm_wire::signature` says how.

use super::{
    body::{self, json},
    problem::ApiError,
    rate::Meter,
};
use crate::service::{Service, ServiceError};
use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{FromRequest, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use mdm_wire::{
    signature::{self, Answer, CONTENT_DIGEST, Headers, NEW, SIGNATURE, SIGNATURE_INPUT, Signed},
    signing_key::VerifyingKey,
    time,
};
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// A call that says that it is signed. Nothing of it is true before that is verified.
pub(super) struct SignedCall {
    method: Method,
    path: String,
    headers: Headers,
    body: Bytes,
    meter: Option<Arc<Meter>>,
}

impl FromRequest<Arc<Service>> for SignedCall {
    type Rejection = ApiError;

    /// Nothing is read of the body of a call that doesn't even say that it is signed.
    async fn from_request(request: Request, service: &Arc<Service>) -> Result<Self, ApiError> {
        let headers = headers(request.headers())?;
        Ok(Self {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            headers,
            meter: request.extensions().get::<Arc<Meter>>().cloned(),
            body: body::read(request, service).await?,
        })
    }
}

impl SignedCall {
    /// The device whose agent makes this call.
    pub(super) async fn by_agent(&self, service: &Service) -> Result<String, ApiError> {
        let device = service
            .authenticate_agent(&self.request(), &self.headers)
            .await?;
        if let Some(meter) = &self.meter {
            meter.device(&device)?;
        }
        Ok(device)
    }

    /// Checks that the caller has the other half of a new key of this device.
    pub(super) fn by_new_key(&self, device: &str, key: &VerifyingKey) -> Result<(), ApiError> {
        let verified = Signed::of_request(&self.headers, NEW).and_then(|signed| {
            match signed.device == device {
                true => signed.verify(&self.request(), &self.headers, key),
                false => Err(signature::SignatureError::BadParameter("keyid")),
            }
        });
        Ok(verified.map_err(ServiceError::from)?)
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

/// Signs every answer to a call that says that it is signed. It is an answer to that call and to no other, so it
/// does not matter who asked.
pub(super) async fn sign_answers(
    State(service): State<Arc<Service>>,
    request: Request,
    next: Next,
) -> Response {
    let signature = request.headers().get(SIGNATURE);
    let to_answer = signature
        .and_then(|value| value.to_str().ok())
        .and_then(signature::to_answer);
    let response = next.run(request).await;
    match to_answer {
        // On the heap, so that a call takes no memory for it while it waits.
        Some((label, request)) => Box::pin(sign(&service, response, label, &request)).await,
        None => response,
    }
}

async fn sign(service: &Service, response: Response, label: &str, request: &[u8]) -> Response {
    let (mut parts, body) = response.into_parts();
    let failed = |error: String| {
        let text = format!("the answer could not be signed: {error}");
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "signing-failed", text).into_response()
    };
    let body = match to_bytes(body, usize::MAX).await {
        Ok(body) => body,
        Err(error) => return failed(error.to_string()),
    };
    let answer = Answer {
        status: parts.status.as_u16(),
        body: &body,
        label,
        request,
    };
    let signed = match answer.sign(time::now() / 1000, service.keys().signing_key()) {
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
