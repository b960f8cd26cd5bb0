//! Errors as RFC 9457 has them: `application/problem+json` with a status that fits.

use crate::{service::ServiceError, store::StoreError};
use axum::{
    Json,
    http::{HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use mdm_wire::{decisions::Refusal, sync::Problem};

/// What an error is sent as.
pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// An error on its way to the caller.
pub(crate) struct ApiError(Box<Problem>, Reason);

/// Which problem a response is: an extension of it, for whoever counts. A word of this program, and never a
/// caller's.
#[derive(Clone, Copy)]
pub(super) struct Reason(pub(super) &'static str);

impl ApiError {
    pub(super) fn new(status: StatusCode, kind: &'static str, detail: impl ToString) -> Self {
        let problem = Problem {
            kind: kind.to_owned(),
            status: status.as_u16(),
            detail: detail.to_string(),
            command: None,
            refusal: None,
            host_time: None,
        };
        Self(Box::new(problem), Reason(kind))
    }

    pub(crate) fn problem(self) -> Problem {
        *self.0
    }
}

impl From<ServiceError> for ApiError {
    fn from(error: ServiceError) -> Self {
        let (status, kind) = match &error {
            ServiceError::UnknownDevice(_) => (StatusCode::NOT_FOUND, "unknown-device"),
            ServiceError::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden"),
            ServiceError::UnknownUser(_) => (StatusCode::NOT_FOUND, "unknown-user"),
            ServiceError::UnknownToken(_) => (StatusCode::NOT_FOUND, "unknown-token"),
            ServiceError::UnknownWebhook(_) => (StatusCode::NOT_FOUND, "unknown-webhook"),
            ServiceError::NoDestination(_) => (StatusCode::UNPROCESSABLE_ENTITY, "bad-url"),
            ServiceError::WebhookSecret(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "webhook-secret-failed")
            }
            ServiceError::NameTaken(_) => (StatusCode::CONFLICT, "name-taken"),
            ServiceError::BadName(_) => (StatusCode::UNPROCESSABLE_ENTITY, "bad-name"),
            ServiceError::BadPassword(_) => (StatusCode::UNPROCESSABLE_ENTITY, "bad-password"),
            ServiceError::LastAdmin(_) => (StatusCode::CONFLICT, "last-admin"),
            ServiceError::BadInvitation => (StatusCode::NOT_FOUND, "bad-invitation"),
            ServiceError::Credentials(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "credentials-failed")
            }
            ServiceError::Revoked(_) => (StatusCode::CONFLICT, "device-revoked"),
            ServiceError::UnknownCommand { .. } => (StatusCode::NOT_FOUND, "unknown-command"),
            ServiceError::UnknownGroup(_) => (StatusCode::NOT_FOUND, "unknown-group"),
            ServiceError::BadReason(_) => (StatusCode::UNPROCESSABLE_ENTITY, "bad-reason"),
            ServiceError::BadRequest(_) => (StatusCode::UNPROCESSABLE_ENTITY, "bad-request"),
            ServiceError::BadEnrollmentToken => (StatusCode::UNAUTHORIZED, "bad-enrollment-token"),
            ServiceError::UnknownAgent | ServiceError::NotSigned(_) => {
                (StatusCode::UNAUTHORIZED, "unauthorized")
            }
            ServiceError::NotFresh { .. } => (StatusCode::UNAUTHORIZED, "signature-not-fresh"),
            ServiceError::Replayed => (StatusCode::UNAUTHORIZED, "replayed"),
            ServiceError::Refused(refusal) => refusal_kind(refusal),
            ServiceError::NoPlugin(_) => (StatusCode::UNPROCESSABLE_ENTITY, "no-plugin"),
            ServiceError::DoesNotConform { .. } => {
                (StatusCode::UNPROCESSABLE_ENTITY, "plugin-does-not-conform")
            }
            ServiceError::BusyChecking => (StatusCode::CONFLICT, "busy-checking"),
            ServiceError::NothingToRollBack => (StatusCode::CONFLICT, "nothing-to-roll-back"),
            ServiceError::NoShadow => (StatusCode::NOT_FOUND, "no-shadow"),
            ServiceError::Plugin(error) => (StatusCode::SERVICE_UNAVAILABLE, error.kind()),
            ServiceError::Store(StoreError::Conflict) => (StatusCode::CONFLICT, "device-changed"),
            ServiceError::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, "store-failed"),
            ServiceError::Sealing(_) | ServiceError::NoRandom(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "sealing-failed")
            }
        };
        let mut api_error = Self::new(status, kind, &error);
        match error {
            ServiceError::NotFresh { sign_at, .. } => api_error.0.host_time = Some(sign_at),
            ServiceError::UnknownCommand { command, .. } => api_error.0.command = Some(command),
            ServiceError::Refused(refusal) => {
                api_error.0.command = match &refusal {
                    Refusal::Conflict(id) | Refusal::NotPending(id) | Refusal::NotExpired(id) => {
                        Some(id.clone())
                    }
                    _ => None,
                };
                api_error.0.refusal = Some(refusal);
            }
            _ => {}
        }
        api_error
    }
}

fn refusal_kind(refusal: &Refusal) -> (StatusCode, &'static str) {
    match refusal {
        Refusal::PasswordRefused(_) => (StatusCode::UNPROCESSABLE_ENTITY, "password-refused"),
        Refusal::BadValidity => (StatusCode::UNPROCESSABLE_ENTITY, "bad-validity"),
        Refusal::AgentTooOld(_) => (StatusCode::CONFLICT, "agent-too-old"),
        Refusal::Conflict(_) => (StatusCode::CONFLICT, "conflict"),
        Refusal::NotPending(_) => (StatusCode::CONFLICT, "not-pending"),
        Refusal::NothingToRemove => (StatusCode::CONFLICT, "nothing-to-remove"),
        Refusal::NotExpired(_) => (StatusCode::CONFLICT, "not-expired"),
        Refusal::Other(_) => (StatusCode::CONFLICT, "refused"),
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self.0)).into_response();
        response.extensions_mut().insert(self.1);
        let form = HeaderValue::from_static(PROBLEM_JSON);
        response.headers_mut().insert(header::CONTENT_TYPE, form);
        if status == StatusCode::TOO_MANY_REQUESTS {
            let a_second = HeaderValue::from_static("1");
            response.headers_mut().insert(header::RETRY_AFTER, a_second);
        }
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

pub(super) async fn no_such_route(uri: Uri) -> ApiError {
    let text = format!("there is nothing at {}", uri.path());
    ApiError::new(StatusCode::NOT_FOUND, "unknown-route", text)
}

pub(super) async fn no_such_method(uri: Uri) -> ApiError {
    let text = format!("{} takes another method", uri.path());
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "unknown-method", text)
}
