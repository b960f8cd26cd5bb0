//! The pages for errors.

use super::frame;
use crate::api::problem::ApiError;
use axum::{
    http::{StatusCode, Uri},
    response::{IntoResponse, Redirect, Response},
};
use maud::html;
use mdm_server_core::error::ServerError;

/// Why a page can't be shown.
pub(super) enum PageError {
    /// The caller is not signed in.
    NotSignedIn(Uri),
    /// A form was posted that is none of this session's.
    StrangeForm,
    /// It failed.
    Failed { status: StatusCode, detail: String },
}

impl From<ServerError> for PageError {
    fn from(error: ServerError) -> Self {
        ApiError::from(error).into()
    }
}

/// The statuses and the texts are those of the API.
impl From<ApiError> for PageError {
    fn from(error: ApiError) -> Self {
        let problem = error.problem();
        Self::Failed {
            status: StatusCode::from_u16(problem.status)
                .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            detail: problem.detail,
        }
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let (status, detail) = match self {
            Self::NotSignedIn(uri) => {
                // Back to the page that was asked for, which is always one of ours: it has no host in it.
                let next = uri.path_and_query().map_or("/", |it| it.as_str());
                let query = serde_urlencoded::to_string([("next", next)]).unwrap_or_default();
                return Redirect::to(&format!("/sign-in?{query}")).into_response();
            }
            Self::StrangeForm => (
                StatusCode::FORBIDDEN,
                "this form belongs to another session, or that session is over: go back, load the page again, \
                 and send it once more"
                    .to_owned(),
            ),
            Self::Failed { status, detail } => (status, detail),
        };
        let title = match status {
            StatusCode::NOT_FOUND => "Not found",
            StatusCode::FORBIDDEN => "Not accepted",
            _ => "That did not work",
        };
        let body = html! {
            h1 { (title) }
            p .alert role="alert" { (frame::sentence(&detail)) }
            p { a href="/devices" { "To the devices" } }
        };
        (status, frame::bare(title, body)).into_response()
    }
}
