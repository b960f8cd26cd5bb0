//! The stream that tells an open page that it is old. It tells no more than that: the page asks again, and is let
//! in or not as ever.

use super::{Host, error::PageError, session::SignedIn};
use crate::service::Watcher;
use axum::{
    extract::Query,
    response::sse::{Event, KeepAlive, Sse},
};
use futures_util::stream::{self, Stream};
use serde::Deserialize;
use std::{convert::Infallible, time::Duration};

/// The shortest time between two events: a fleet that changes all the time is read now and then.
const PAUSE: Duration = Duration::from_secs(1);

/// How often a line is sent where there is nothing to say, so that both sides notice when the other is gone.
const HEARTBEAT: Duration = Duration::from_secs(15);

#[derive(Deserialize)]
pub(super) struct Look {
    device: Option<String>,
}

/// A stamp at once, so that a page sees what it has missed, and then one for each change.
pub(super) async fn stream(
    signed_in: SignedIn,
    host: Host,
    Query(look): Query<Look>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, PageError> {
    if let Some(device) = &look.device {
        host.service.device(&signed_in.caller, device).await?;
    }
    let is_fleet = look.device.is_none();
    let watcher = host.service.watch(look.device.as_deref());
    let events = stream::unfold((watcher, true), move |(mut watcher, is_first)| async move {
        if !is_first && !next(&mut watcher, is_fleet).await {
            return None;
        }
        let event = Event::default().data(watcher.stamp().to_string());
        Some((Ok(event), (watcher, false)))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

/// False: the host stops.
async fn next(watcher: &mut Watcher, is_fleet: bool) -> bool {
    if is_fleet {
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = watcher.closed() => return false,
        }
    }
    watcher.changed().await
}
