//! The stream that tells an open page that it is old. It tells no more than that: the page asks again, and is let
//! in or not as ever.

use super::{error::PageError, session::SignedIn, state::DashboardState};
use axum::{
    extract::Query,
    http::Extensions,
    response::sse::{Event, KeepAlive, Sse},
};
use futures_util::stream::{self, Stream};
use mdm_server_core::notifier::Subscription;
use serde::Deserialize;
use std::{convert::Infallible, time::Duration};
use tokio::time::{sleep, timeout};

/// The shortest time between two events: a fleet that changes all the time is read now and then.
const PAUSE: Duration = Duration::from_secs(1);

/// Interval of heartbeats, by which each side detects the loss of the other.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The interval at which a stream checks its session and the permissions of its user. It ends that soon without them.
const RECHECK_INTERVAL: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
pub(super) struct Look {
    device: Option<String>,
}

/// A client of the live updates, for as long as its session is valid.
struct Listener {
    signed_in: SignedIn,
    dashboard: DashboardState,
    route: Extensions,
    device: Option<String>,
    watcher: Subscription,
}

/// Sends a stamp at once, which shows a page that it missed changes, and then one for each change.
pub(super) async fn stream(
    signed_in: SignedIn,
    dashboard: DashboardState,
    Query(look): Query<Look>,
    route: Extensions,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, PageError> {
    if let Some(device) = &look.device {
        dashboard
            .server
            .devices
            .get(&signed_in.caller, device)
            .await?;
    }
    let listener = Listener {
        watcher: dashboard.server.subscribe(look.device.as_deref()),
        signed_in,
        dashboard,
        route,
        device: look.device,
    };
    let events = stream::unfold((listener, true), async |(mut listener, is_first)| {
        if !is_first && !listener.next().await {
            return None;
        }
        let event = Event::default().data(listener.watcher.stamp().to_string());
        Some((Ok(event), (listener, false)))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

impl Listener {
    /// Waits for the next change. Returns `false` at shutdown, or if the session ended.
    async fn next(&mut self) -> bool {
        if self.device.is_none() {
            tokio::select! {
                () = sleep(PAUSE) => {}
                () = self.watcher.closed() => return false,
            }
        }
        loop {
            let changed = timeout(RECHECK_INTERVAL, self.watcher.changed()).await;
            if changed == Ok(false) || !self.may_listen().await {
                return false;
            }
            if changed.is_ok() {
                return true;
            }
        }
    }

    async fn may_listen(&self) -> bool {
        let Some(caller) = self.signed_in.still(&self.dashboard, &self.route).await else {
            return false;
        };
        match &self.device {
            Some(device) => self
                .dashboard
                .server
                .devices
                .get(&caller, device)
                .await
                .is_ok(),
            None => true,
        }
    }
}
