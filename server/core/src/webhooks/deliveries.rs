//! Delivers events to webhooks, in order for each webhook, at least once. The store keeps the progress, which advances
//! only after a response. A crash can repeat a message but never lose one.

use super::admin::{Webhooks, json_body};
use crate::{
    cluster::Cluster,
    error::ServerError,
    event::Event,
    metrics::Metrics,
    store::{Attempt, AttemptResult, Progress, Store, Webhook, WebhookState},
    webhook_client::{GIVEN_UP_AFTER, NotDelivered, Outgoing, Secret, pause_after},
};
use mdm_contract::time::{self, Timestamp};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

/// Interval between looks for messages that are due.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Limit of webhooks that are served at the same time.
const MAX_CONCURRENT: usize = 16;

/// Limit of events that one webhook gets in a row before others.
const TURN: u32 = 100;

/// Background task that delivers events to webhooks.
pub struct Deliveries {
    pub(crate) webhooks: Arc<Webhooks>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) metrics: Arc<Metrics>,
}

impl Deliveries {
    /// Delivers until the server stops.
    pub async fn run(self: Arc<Self>, closing: CancellationToken) {
        let mut turns = JoinSet::new();
        let mut busy: HashMap<Id, String> = HashMap::new();
        while !closing.is_cancelled() {
            let lead = self.cluster.lead();
            let due = match lead {
                Some(_) => self.store.due_webhooks(time::now()).await,
                None => Ok(Vec::new()),
            };
            let lead = lead.unwrap_or_default();
            match due {
                Ok(due) => {
                    for id in due {
                        if busy.len() < MAX_CONCURRENT && !busy.values().any(|it| *it == id) {
                            let (deliveries, webhook) = (Arc::clone(&self), id.clone());
                            let turn = turns
                                .spawn(lead.run(async move { deliveries.turn(&webhook).await }));
                            busy.insert(turn.id(), id);
                        }
                    }
                }
                Err(error) => tracing::warn!(%error, "events were not delivered to webhooks"),
            }
            tokio::select! {
                Some(ended) = turns.join_next_with_id() => {
                    let turn = match ended {
                        Ok((turn, ())) => turn,
                        Err(error) => {
                            tracing::error!(%error, "a delivery to a webhook failed");
                            error.id()
                        }
                    };
                    busy.remove(&turn);
                }
                () = self.webhooks.commits.events.notified() => {}
                () = tokio::time::sleep(POLL_INTERVAL) => {}
                () = closing.cancelled() => {}
            }
        }
    }

    async fn turn(&self, webhook: &str) {
        if let Err(error) = self.deliver(webhook).await {
            tracing::warn!(webhook, %error, "events were not delivered to a webhook");
            // The failures of this loop have no backoff of their own.
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Delivers the events that wait for a webhook, up to the first failure.
    async fn deliver(&self, id: &str) -> Result<(), ServerError> {
        let Some(webhook) = self.store.webhook(id).await? else {
            return Ok(());
        };
        let secrets = self.webhooks.secrets(&webhook)?;
        let mut progress = webhook.progress.clone();
        let mut is_noted = true;
        for event in self.store.events(progress.done, TURN).await? {
            if !is_wanted(&webhook, &event) {
                progress.done = event.number;
                is_noted = false;
                continue;
            }
            let attempt = self
                .attempt(&webhook, &event, &secrets, &mut progress)
                .await?;
            let state = match attempt.result {
                AttemptResult::Gone => WebhookState::Gone,
                _ => webhook.state,
            };
            let is_delivered = attempt.result == AttemptResult::Delivered;
            let is_active = self
                .store
                .note_attempt(id, Some(attempt), progress.clone(), state)
                .await?;
            if !is_active || !is_delivered {
                return Ok(());
            }
            is_noted = true;
        }
        if !is_noted {
            self.store
                .note_attempt(id, None, progress, webhook.state)
                .await?;
        }
        Ok(())
    }

    /// Sends an event once, and returns the resulting progress.
    async fn attempt(
        &self,
        webhook: &Webhook,
        event: &Event,
        secrets: &[Secret],
        progress: &mut Progress,
    ) -> Result<Attempt, ServerError> {
        let outgoing = Outgoing {
            id: &event.id,
            timestamp: time::now() / 1000,
            body: json_body(&event.message())?,
            secrets,
        };
        let sent = self.webhooks.sender.send(&webhook.url, outgoing).await;
        let at = time::now();
        let share = getrandom::u32().unwrap_or(u32::MAX);
        let result = follow(progress, event, at, share, sent.as_ref().err());
        if result == AttemptResult::GivenUp {
            self.give_up_as_old(at, progress).await?;
        }
        let (id, kind) = (&webhook.id, event.kind);
        match &sent {
            Ok(_) => tracing::debug!(webhook = id, event = event.id, %kind, "delivered"),
            Err(error) => {
                tracing::warn!(webhook = id, event = event.id, %kind, %error, %result, "not delivered");
            }
        }
        self.metrics.webhooks.ended(result);
        let is_again = result == AttemptResult::Failed;
        Ok(Attempt {
            at,
            message: event.id.clone(),
            kind: kind.as_str().to_owned(),
            result,
            status: sent
                .as_ref()
                .map_or_else(NotDelivered::status, |it| Some(*it)),
            error: sent.err().map(|error| error.to_string()),
            next_try: is_again.then_some(progress.next_try),
        })
    }

    /// Skips further events that are too old as well: with one per backoff, new ones could arrive faster than these
    /// end.
    async fn give_up_as_old(
        &self,
        at: Timestamp,
        progress: &mut Progress,
    ) -> Result<(), ServerError> {
        loop {
            let next = self.store.events(progress.done, TURN).await?;
            let old = next.iter().take_while(|event| is_too_old(event, at));
            match old.last() {
                Some(last) => progress.done = last.number,
                None => return Ok(()),
            }
        }
    }
}

/// Returns `true` if a failed message is not retried.
fn is_too_old(event: &Event, at: Timestamp) -> bool {
    at > event.at + millis(GIVEN_UP_AFTER)
}

/// Returns `true` if a webhook subscribes to this event.
fn is_wanted(webhook: &Webhook, event: &Event) -> bool {
    let is_kind = webhook.events.is_empty() || webhook.events.contains(&event.kind);
    is_kind && webhook.scope.includes(&event.about.groups)
}

/// Updates the progress of a webhook after an attempt.
fn follow(
    progress: &mut Progress,
    event: &Event,
    at: Timestamp,
    share: u32,
    error: Option<&NotDelivered>,
) -> AttemptResult {
    let Some(error) = error else {
        *progress = Progress {
            done: event.number,
            ..Progress::default()
        };
        return AttemptResult::Delivered;
    };
    progress.failures = progress.failures.saturating_add(1);
    progress.failing_since.get_or_insert(at);
    progress.next_try = at + millis(pause_after(progress.failures, share));
    if error.is_gone() {
        return AttemptResult::Gone;
    }
    if is_too_old(event, at) {
        progress.done = event.number;
        return AttemptResult::GivenUp;
    }
    AttemptResult::Failed
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        access::DeviceScope,
        event::{About, EventKind},
    };

    fn event() -> Event {
        Event {
            number: 7,
            id: "msg_7".into(),
            kind: EventKind::CommandFailed,
            at: 1_000_000,
            about: About {
                device: "phone".into(),
                name: "phone".into(),
                groups: vec!["sales".into()],
                command: None,
                policy: None,
                policy_override: None,
            },
        }
    }

    fn failed() -> NotDelivered {
        NotDelivered::NoAnswer("nobody is there".into())
    }

    #[test]
    fn a_message_that_is_not_taken_is_tried_again_until_its_event_is_three_days_old() {
        let mut progress = Progress {
            done: 6,
            ..Progress::default()
        };
        let event = event();
        let mut tries = 0;
        let mut at = event.at;
        while follow(&mut progress, &event, at, u32::MAX, Some(&failed())) == AttemptResult::Failed
        {
            assert_eq!(
                progress.done, 6,
                "nothing overtakes a message that is not taken"
            );
            assert!(progress.next_try > at);
            at = progress.next_try;
            tries += 1;
        }
        assert!((50..100).contains(&tries), "{tries} tries");
        assert_eq!(progress.done, 7);
        assert_eq!(progress.failing_since, Some(event.at));
        let taken = follow(&mut progress, &event, at, 0, None);
        assert_eq!(taken, AttemptResult::Delivered);
        assert_eq!((progress.failures, progress.failing_since), (0, None));
    }

    #[test]
    fn an_event_that_is_old_already_is_sent_once() {
        let mut progress = Progress::default();
        let late = event().at + 10 * millis(GIVEN_UP_AFTER);
        let result = follow(&mut progress, &event(), late, 0, Some(&failed()));
        assert_eq!(result, AttemptResult::GivenUp);
    }

    #[test]
    fn a_webhook_is_told_of_its_kinds_of_events_about_devices_in_its_reach() {
        let webhook = |events: &[EventKind], groups: Option<&str>| Webhook {
            id: "hook".into(),
            url: String::new(),
            events: events.iter().copied().collect(),
            scope: DeviceScope(groups.map(|it| [it.to_owned()].into())),
            secret: Vec::new(),
            former_secret: None,
            created_at: 0,
            state: WebhookState::Active,
            progress: Progress::default(),
        };
        assert!(is_wanted(&webhook(&[], None), &event()));
        assert!(is_wanted(
            &webhook(&[EventKind::CommandFailed], Some("sales")),
            &event()
        ));
        assert!(!is_wanted(
            &webhook(&[EventKind::CommandSuccess], None),
            &event()
        ));
        assert!(!is_wanted(&webhook(&[], Some("it")), &event()));
    }
}
