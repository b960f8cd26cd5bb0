//! Startup gate: the server listens before its store can be opened, reports that it is alive and the reason why it is
//! not ready, and tries again. So an unreachable database causes no restarts.

use super::problem::ApiError;
use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use parking_lot::Mutex;
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};
use tower_service::Service as _;

/// The pause after the first failed attempt. Each later one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Maximum pause.
const MAX_BACKOFF: Duration = Duration::from_secs(10);

/// The error of an attempt to open the server.
#[derive(Debug)]
pub enum NotOpen<E> {
    /// It may open later: it is tried again.
    Retryable {
        /// Why, for strangers: no address, no name and no secret is in it.
        reason: &'static str,
        /// Why, for the log.
        cause: String,
    },
    /// Opening fails until an operator fixes this.
    Fatal(E),
}

/// A router in front of the server. Until the server is open it answers 503; then it passes each request on.
pub struct StartupGate {
    host: OnceLock<Router>,
    reason: Mutex<&'static str>,
}

impl Default for StartupGate {
    fn default() -> Self {
        Self {
            host: OnceLock::new(),
            reason: Mutex::new("the host is starting"),
        }
    }
}

impl StartupGate {
    /// The router to serve, before and after the server opens.
    pub fn router(self: &Arc<Self>) -> Router {
        Router::new().fallback(answer).with_state(Arc::clone(self))
    }

    /// Opens the host by its router, as soon as an attempt succeeds. Ends without that only if waiting can't help.
    pub async fn open_when_possible<E>(
        &self,
        mut attempt: impl AsyncFnMut() -> Result<Router, NotOpen<E>>,
    ) -> Result<(), E> {
        let mut pause = FIRST_PAUSE;
        loop {
            match attempt().await {
                Ok(router) => {
                    // It is opened once.
                    let _ = self.host.set(router);
                    return Ok(());
                }
                Err(NotOpen::Fatal(error)) => return Err(error),
                Err(NotOpen::Retryable { reason, cause }) => {
                    *self.reason.lock() = reason;
                    let seconds = pause.as_secs();
                    tracing::error!("not ready: {cause}; trying again in {seconds} s");
                }
            }
            tokio::time::sleep(pause).await;
            pause = longer(pause);
        }
    }

    fn not_yet(&self) -> Response {
        let reason = *self.reason.lock();
        let mut response = not_ready(reason).into_response();
        let a_while = HeaderValue::from(FIRST_PAUSE.as_secs());
        response.headers_mut().insert(header::RETRY_AFTER, a_while);
        response
    }
}

/// The response while the server can't serve.
pub(super) fn not_ready(reason: &str) -> ApiError {
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", reason)
}

fn longer(pause: Duration) -> Duration {
    (pause * 2).min(MAX_BACKOFF)
}

async fn answer(State(opening): State<Arc<StartupGate>>, request: Request) -> Response {
    match opening.host.get() {
        Some(host) => match host.clone().call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        },
        None if request.uri().path() == "/health" => "ok\n".into_response(),
        None => opening.not_yet(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_the_longest_and_stay_there() {
        let pauses = std::iter::successors(Some(FIRST_PAUSE), |it| Some(longer(*it)));
        let pauses: Vec<_> = pauses.take(20).collect();
        for pair in pauses.windows(2) {
            assert!(pair[1] > pair[0] || pair[1] == MAX_BACKOFF, "{pauses:?}");
        }
        assert_eq!(pauses.iter().max(), Some(&MAX_BACKOFF));
    }
}
