//! Errors as RFC 9457 has them: `application/problem+json` with a status that fits.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use mdm_agent_protocol::sync::Problem;
use mdm_contract::Refusal;
use mdm_server_core::{bounds::OutOfBounds, error::ServerError, store::StoreError};

/// The media type of errors (RFC 9457).
pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// An error on its way to the caller.
pub(crate) struct ApiError(Box<Problem>, Reason);

/// The problem type of a response, as its extension, for metrics. It is never a text of a caller.
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

impl From<OutOfBounds> for ApiError {
    fn from(error: OutOfBounds) -> Self {
        ServerError::from(error).into()
    }
}

impl From<ServerError> for ApiError {
    fn from(error: ServerError) -> Self {
        let status = match &error {
            ServerError::UnknownDevice(_)
            | ServerError::UnknownUser(_)
            | ServerError::UnknownToken(_)
            | ServerError::UnknownCommand { .. }
            | ServerError::UnknownGroup(_)
            | ServerError::UnknownBulk(_)
            | ServerError::UnknownWebhook(_)
            | ServerError::BadInvitation
            | ServerError::NoShadow => StatusCode::NOT_FOUND,
            ServerError::Forbidden(_) => StatusCode::FORBIDDEN,
            ServerError::DeviceChanged(_) => StatusCode::PRECONDITION_FAILED,
            ServerError::FormSentBefore { .. }
            | ServerError::NameTaken(_)
            | ServerError::TooManyWebhooks(_)
            | ServerError::LastAdmin(_)
            | ServerError::Revoked(_)
            | ServerError::BulkState { .. }
            | ServerError::BusyChecking
            | ServerError::NothingToRollBack
            | ServerError::Store(
                StoreError::Conflict
                | StoreError::BulkOver
                | StoreError::BulkAnswered
                | StoreError::IdempotencyKeyTaken
                | StoreError::CommandPending(_),
            ) => StatusCode::CONFLICT,
            ServerError::KeyReused(_)
            | ServerError::BadName(_)
            | ServerError::BadPassword(_)
            | ServerError::BadReason(_)
            | ServerError::NotProven
            | ServerError::BadRequest(_)
            | ServerError::GroupChanged(_)
            | ServerError::NoDestination(_)
            | ServerError::NoPlugin(_)
            | ServerError::BadSettings(_)
            | ServerError::DoesNotConform { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            ServerError::BadEnrollmentToken
            | ServerError::UnknownAgent
            | ServerError::NotSigned(_)
            | ServerError::NotFresh { .. }
            | ServerError::KeysRotated(_)
            | ServerError::Replayed => StatusCode::UNAUTHORIZED,
            ServerError::Refused(Refusal::PasswordRefused(_) | Refusal::BadValidity) => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            ServerError::Refused(_) => StatusCode::CONFLICT,
            ServerError::TooManyGuesses
            | ServerError::TooManyUnknownReports(_)
            | ServerError::TooManyRotations(_) => StatusCode::TOO_MANY_REQUESTS,
            ServerError::BusySigningIn
            | ServerError::Plugin(_)
            | ServerError::Store(
                StoreError::Busy(_)
                | StoreError::NotLeader
                | StoreError::NewerSchema { .. }
                | StoreError::OtherSchema(_)
                | StoreError::Failed(_),
            ) => StatusCode::SERVICE_UNAVAILABLE,
            ServerError::Credentials(_)
            | ServerError::WebhookSecret(_)
            | ServerError::NotSealed
            | ServerError::Sealing(_)
            | ServerError::Sealed(_)
            | ServerError::StoredResponse(_)
            | ServerError::NoRandom(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let mut api_error = Self::new(status, error.kind(), error.in_public());
        match error {
            ServerError::NotFresh { sign_at, .. } => api_error.0.host_time = Some(sign_at),
            ServerError::UnknownCommand { command, .. } => api_error.0.command = Some(command),
            ServerError::Refused(refusal) => {
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
