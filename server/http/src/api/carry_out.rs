//! Requests that change something run to their end, also if the caller hangs up.

use super::problem::ApiError;
use axum::{
    extract::Request,
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use tracing::Instrument as _;

/// Runs a request that may change something in a task of its own, which a caller that hangs up does not end.
pub(super) async fn carry_out(request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    match tokio::spawn(next.run(request).in_current_span()).await {
        Ok(response) => response,
        Err(error) => {
            tracing::error!(%error, "a request was not carried out");
            let text = "the host failed while it carried the request out: its log says why";
            ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "host-failed", text).into_response()
        }
    }
}
