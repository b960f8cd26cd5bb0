//! Wake-ups from an MQTT broker: an agent that is subscribed syncs when a message arrives, in place of the long poll.
//! Any message means "sync now", and nothing else. So a hostile broker can cause extra syncs, at most one per
//! [`MIN_INTERVAL`], or hold wake-ups back; the agent then still syncs by its timer.

use crate::backoff::{Backoff, at_random};
use mdm_agent_protocol::{
    broker::{BrokerError, BrokerUrl},
    sync::WakeUpAt,
};
use rumqttc::{AsyncClient, Event, EventLoop, Packet, QoS, SubAck, SubscribeReasonCode};
use std::time::{Duration, Instant};
use tokio::{sync::watch, task::AbortHandle, time::sleep};

/// The shortest interval between two syncs that wake-ups cause.
const MIN_INTERVAL: Duration = Duration::from_secs(2);

/// Requests to the broker that wait for the connection.
const MAX_WAITING_REQUESTS: usize = 10;

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const MAX_BACKOFF: Duration = Duration::from_secs(60);

/// The subscription to wake-ups, if the host has named a broker.
#[derive(Default)]
pub(crate) struct Listener {
    listening: Option<Listening>,
}

struct Listening {
    at: WakeUpAt,
    heard: watch::Receiver<WakeUpState>,
    /// The state at the start of the last sync.
    answered: WakeUpState,
    /// The time of the last sync that a wake-up caused.
    obeyed: Option<Instant>,
    task: AbortHandle,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct WakeUpState {
    is_listening: bool,
    /// The number of connects and wake-ups.
    count: u64,
}

impl Listener {
    /// Listens at this broker from now on. With `None`, at none.
    pub(crate) fn listen(&mut self, at: Option<WakeUpAt>, authorities: Option<&str>) {
        if self.listening.as_ref().map(|it| &it.at) != at.as_ref() {
            self.listening = at.map(|at| Listening::begin(at, authorities.map(str::to_owned)));
        }
    }

    /// Marks the wake-ups so far as answered: a sync begins.
    pub(crate) fn syncs(&mut self) {
        if let Some(listening) = &mut self.listening {
            listening.answered = *listening.heard.borrow();
        }
    }

    /// Waits for the time of the next sync. Returns `false` if there is no subscription, so that the sync has to be a
    /// long poll.
    pub(crate) async fn is_told(&mut self) -> bool {
        match &mut self.listening {
            Some(listening) => listening.is_told().await,
            None => false,
        }
    }
}

impl Listening {
    fn begin(at: WakeUpAt, authorities: Option<String>) -> Self {
        let (sender, heard) = watch::channel(WakeUpState::default());
        let task = tokio::spawn(listen(at.clone(), authorities, sender)).abort_handle();
        Self {
            at,
            heard,
            answered: WakeUpState::default(),
            obeyed: None,
            task,
        }
    }

    async fn is_told(&mut self) -> bool {
        let answered = self.answered;
        let sync_every = Duration::from_secs(self.at.sync_every_seconds.into());
        let is_new = |heard: &WakeUpState| !heard.is_listening || heard.count != answered.count;
        let told = tokio::select! {
            heard = self.heard.wait_for(is_new) => heard.map(|heard| *heard).unwrap_or_default(),
            () = sleep(at_random(sync_every, 4)) => return true,
        };
        if !told.is_listening {
            return false;
        }
        if let Some(obeyed) = self.obeyed {
            sleep(MIN_INTERVAL.saturating_sub(obeyed.elapsed())).await;
        }
        self.obeyed = Some(Instant::now());
        true
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Keeps listening, and reconnects if the broker fails.
async fn listen(at: WakeUpAt, authorities: Option<String>, heard: watch::Sender<WakeUpState>) {
    let (broker, client, mut events) = match client(&at, authorities.as_deref()) {
        Ok(client) => client,
        Err(error) => {
            return tracing::warn!(
                "the host has named a broker that this agent can't listen to: {error}. It waits for news at the host"
            );
        }
    };
    let mut backoff = Backoff::new(FIRST_PAUSE, MAX_BACKOFF);
    let mut trouble = None;
    loop {
        let lost = match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                let asked = client.try_subscribe(at.topic.as_str(), QoS::AtLeastOnce);
                asked.err().map(|error| error.to_string())
            }
            Ok(Event::Incoming(Packet::SubAck(answer))) if is_refusal(&answer) => {
                Some("it does not let this agent listen".to_owned())
            }
            Ok(Event::Incoming(Packet::SubAck(_))) => {
                tracing::info!("listening to the broker {broker}");
                backoff.reset();
                trouble = None;
                heard.send_modify(|heard| {
                    heard.is_listening = true;
                    heard.count += 1;
                });
                None
            }
            Ok(Event::Incoming(Packet::Publish(message))) if message.topic == at.topic => {
                heard.send_modify(|heard| heard.count += 1);
                None
            }
            Ok(_) => None,
            Err(error) => Some(error.to_string()),
        };
        if lost.is_some() {
            heard.send_modify(|heard| heard.is_listening = false);
            events.clean();
            if trouble != lost {
                tracing::warn!(
                    "the broker {broker} can't be listened to ({}); trying again, and waiting at the host meanwhile",
                    lost.as_deref().unwrap_or_default()
                );
            }
            trouble = lost;
            sleep(backoff.pause()).await;
        }
    }
}

fn client(
    at: &WakeUpAt,
    authorities: Option<&str>,
) -> Result<(BrokerUrl, AsyncClient, EventLoop), BrokerError> {
    let broker: BrokerUrl = at.url.parse()?;
    let (client, events) = broker.client(authorities, MAX_WAITING_REQUESTS)?;
    Ok((broker, client, events))
}

fn is_refusal(answer: &SubAck) -> bool {
    answer.return_codes.contains(&SubscribeReasonCode::Failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listening(sync_every_seconds: u32) -> (watch::Sender<WakeUpState>, Listener) {
        let (sender, heard) = watch::channel(WakeUpState::default());
        let listening = Listening {
            at: WakeUpAt {
                url: "mqtt://broker".into(),
                topic: "mdm/00".into(),
                sync_every_seconds,
            },
            heard,
            answered: WakeUpState::default(),
            obeyed: None,
            task: tokio::spawn(async {}).abort_handle(),
        };
        let listener = Listener {
            listening: Some(listening),
        };
        (sender, listener)
    }

    fn tell(sender: &watch::Sender<WakeUpState>) {
        sender.send_modify(|heard| {
            heard.is_listening = true;
            heard.count += 1;
        });
    }

    async fn at_once(listener: &mut Listener) -> Option<bool> {
        let told = tokio::time::timeout(MIN_INTERVAL / 4, listener.is_told());
        told.await.ok()
    }

    #[tokio::test]
    async fn an_agent_waits_at_the_host_unless_it_can_listen() {
        assert!(!Listener::default().is_told().await);
        let (sender, mut listener) = listening(60);
        assert!(!listener.is_told().await, "it does not listen yet");
        tell(&sender);
        listener.syncs();
        assert_eq!(at_once(&mut listener).await, None, "nothing was said");
        sender.send_modify(|heard| heard.is_listening = false);
        assert_eq!(at_once(&mut listener).await, Some(false), "it was cut off");
        drop(sender);
        assert_eq!(at_once(&mut listener).await, Some(false));
    }

    #[tokio::test]
    async fn what_was_said_before_a_sync_began_is_answered_by_it_and_what_comes_later_is_not() {
        let (sender, mut listener) = listening(60);
        tell(&sender);
        assert_eq!(at_once(&mut listener).await, Some(true), "it just began");
        listener.syncs();
        tell(&sender);
        let begin = Instant::now();
        assert!(
            listener.is_told().await,
            "said while the sync was under way"
        );
        assert!(begin.elapsed() > MIN_INTERVAL / 2, "not so soon again");
    }

    #[tokio::test]
    async fn without_being_told_it_syncs_now_and_then() {
        let (sender, mut listener) = listening(1);
        tell(&sender);
        listener.syncs();
        let begin = Instant::now();
        assert!(listener.is_told().await);
        let waited = begin.elapsed();
        assert!(waited >= Duration::from_millis(750), "{waited:?}");
    }
}
