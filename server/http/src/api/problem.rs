//! Errors as RFC 9457 has them: `application/problem+json` with a status that fits.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use mdm_agent_protocol::sync::Problem;
use mdm_contract::decisions::Refusal;
use mdm_server_core::{bounds::OutOfBounds, service::ServiceError, store::StoreError};

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

impl From<OutOfBounds> for ApiError {
    fn from(error: OutOfBounds) -> Self {
        ServiceError::from(error).into()
    }
}

impl From<ServiceError> for ApiError {
    fn from(error: ServiceError) -> Self {
        let status = match &error {
            ServiceError::UnknownDevice(_)
            | ServiceError::UnknownUser(_)
            | ServiceError::UnknownToken(_)
            | ServiceError::UnknownCommand { .. }
            | ServiceError::UnknownGroup(_)
            | ServiceError::UnknownBulk(_)
            | ServiceError::UnknownWebhook(_)
            | ServiceError::BadInvitation
            | ServiceError::NoShadow => StatusCode::NOT_FOUND,
            ServiceError::Forbidden(_) => StatusCode::FORBIDDEN,
            ServiceError::DeviceChanged(_) => StatusCode::PRECONDITION_FAILED,
            ServiceError::FormSentBefore { .. }
            | ServiceError::NameTaken(_)
            | ServiceError::TooManyWebhooks(_)
            | ServiceError::LastAdmin(_)
            | ServiceError::Revoked(_)
            | ServiceError::BulkState { .. }
            | ServiceError::BusyChecking
            | ServiceError::NothingToRollBack
            | ServiceError::Store(
                StoreError::Conflict
                | StoreError::BulkOver
                | StoreError::BulkAnswered
                | StoreError::IdempotencyKeyTaken
                | StoreError::CommandPending(_),
            ) => StatusCode::CONFLICT,
            ServiceError::KeyReused(_)
            | ServiceError::BadName(_)
            | ServiceError::BadPassword(_)
            | ServiceError::BadReason(_)
            | ServiceError::NotProven
            | ServiceError::BadRequest(_)
            | ServiceError::GroupChanged(_)
            | ServiceError::NoDestination(_)
            | ServiceError::NoPlugin(_)
            | ServiceError::DoesNotConform { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            ServiceError::BadEnrollmentToken
            | ServiceError::UnknownAgent
            | ServiceError::NotSigned(_)
            | ServiceError::NotFresh { .. }
            | ServiceError::KeysRotated(_)
            | ServiceError::Replayed => StatusCode::UNAUTHORIZED,
            ServiceError::Refused(Refusal::PasswordRefused(_) | Refusal::BadValidity) => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            ServiceError::Refused(_) => StatusCode::CONFLICT,
            ServiceError::TooManyGuesses
            | ServiceError::TooManyUnknownReports(_)
            | ServiceError::TooManyRotations(_) => StatusCode::TOO_MANY_REQUESTS,
            ServiceError::BusySigningIn
            | ServiceError::Plugin(_)
            | ServiceError::Store(
                StoreError::Busy(_)
                | StoreError::NotLeader
                | StoreError::Newer { .. }
                | StoreError::OtherSchema(_)
                | StoreError::Failed(_),
            ) => StatusCode::SERVICE_UNAVAILABLE,
            ServiceError::Credentials(_)
            | ServiceError::WebhookSecret(_)
            | ServiceError::NotSealed
            | ServiceError::Sealing(_)
            | ServiceError::Sealed(_)
            | ServiceError::StoredResponse(_)
            | ServiceError::NoRandom(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let mut api_error = Self::new(status, error.kind(), error.in_public());
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
