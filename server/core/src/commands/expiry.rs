//! Expiry of commands, and of stored responses.

use crate::{
    access::Caller,
    cluster::Cluster,
    error::ServerError,
    platform::{PasswordHost, RequestContext},
    store::{Overdue, RESPONSE_RETENTION, Store},
};
use mdm_contract::{CommandId, time};
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// The interval of checks for overdue commands.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The interval at which expired stored responses are deleted: they may contain secrets.
const RESPONSES_INTERVAL: Duration = Duration::from_secs(60);

/// Records that are read or deleted at a time.
const PAGE: u32 = 500;

/// Maximum pause before the plugin is called again for a command that it did not end.
const MAX_BACKOFF: Duration = Duration::from_secs(600);

/// Commands that the plugin did not end. Each is tried again after a growing pause, so that they do not delay others.
#[derive(Default)]
struct Pauses(HashMap<CommandId, Pause>);

#[derive(Clone, Copy)]
struct Pause {
    until: Instant,
    length: Duration,
}

impl Pauses {
    fn is_over(&self, command: &CommandId, now: Instant) -> bool {
        self.0.get(command).is_none_or(|pause| pause.until <= now)
    }

    fn failed(&mut self, command: CommandId, now: Instant) {
        let longer = |pause: &Pause| (pause.length * 2).min(MAX_BACKOFF);
        let length = self.0.get(&command).map_or(POLL_INTERVAL, longer);
        let until = now + length;
        self.0.insert(command, Pause { until, length });
    }
}

/// The background task that ends expired commands and deletes expired responses.
pub struct Expiry {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) host: Arc<PasswordHost>,
    pub(crate) cluster: Arc<Cluster>,
}

impl Expiry {
    /// Lets the plugin end each command whose expiry is over, until the server stops.
    pub async fn run(&self, closing: CancellationToken) {
        let mut pauses = Pauses::default();
        let mut responses_due = Instant::now();
        while !closing.is_cancelled() {
            if let Some(lead) = self.cluster.lead() {
                if let Err(error) = lead.run(self.expire_overdue(&mut pauses)).await {
                    tracing::warn!(%error, "expired commands were not ended");
                }
                if Instant::now() >= responses_due {
                    responses_due = Instant::now() + RESPONSES_INTERVAL;
                    if let Err(error) = lead.run(self.delete_expired_responses()).await {
                        tracing::warn!(%error, "expired responses were not deleted");
                    }
                }
            }
            tokio::select! {
                () = tokio::time::sleep(POLL_INTERVAL) => {}
                () = closing.cancelled() => {}
            }
        }
    }

    async fn expire_overdue(&self, pauses: &mut Pauses) -> Result<(), ServerError> {
        let now = time::now();
        let mut kept = Pauses::default();
        let mut after: Option<Overdue> = None;
        loop {
            let page = self.store.overdue(now, after.as_ref(), PAGE).await?;
            let Some(last) = page.last().cloned() else {
                break;
            };
            for Overdue {
                device, command, ..
            } in page
            {
                if pauses.is_over(&command, Instant::now()) {
                    match self.expire(&device, &command).await {
                        Ok(()) => tracing::info!(device, command, "expired"),
                        // A report may have come first, or the plugin may have refused.
                        Err(error) => {
                            self.host
                                .rollout()
                                .log()
                                .did_not_expire(&device, &command, &error);
                            pauses.failed(command.clone(), Instant::now());
                        }
                    }
                }
                // Drops the pauses of commands that have ended.
                if let Some(pause) = pauses.0.remove(&command) {
                    kept.0.insert(command, pause);
                }
            }
            after = Some(last);
        }
        *pauses = kept;
        Ok(())
    }

    async fn delete_expired_responses(&self) -> Result<(), ServerError> {
        let before = time::now().saturating_sub(RESPONSE_RETENTION);
        while self.store.delete_responses(before, PAGE).await? == u64::from(PAGE) {}
        Ok(())
    }

    async fn expire(&self, device: &str, command: &CommandId) -> Result<(), ServerError> {
        let context = RequestContext::new(&Caller::host());
        self.host.expire(device, command, &context).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_did_not_expire_is_asked_for_again_ever_less_often() {
        let begin = Instant::now();
        let mut pauses = Pauses::default();
        let command = || "command".to_owned();
        assert!(pauses.is_over(&command(), begin));
        pauses.failed(command(), begin);
        assert!(!pauses.is_over(&command(), begin));
        assert!(pauses.is_over(&command(), begin + POLL_INTERVAL));
        assert!(pauses.is_over(&"another".into(), begin));
        for _ in 0..100 {
            pauses.failed(command(), begin);
        }
        assert!(!pauses.is_over(&command(), begin + MAX_BACKOFF / 2));
        assert!(pauses.is_over(&command(), begin + MAX_BACKOFF));
    }
}
