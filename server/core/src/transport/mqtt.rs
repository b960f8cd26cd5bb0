//! Wake-ups by an MQTT broker, over one connection, which reconnects with backoff.

use super::{NotWoken, WakeUp};
use crate::supervisor::Supervisor;
use async_trait::async_trait;
use mdm_agent_protocol::broker::{BrokerError, BrokerUrl};
use rumqttc::{AsyncClient, Event, EventLoop, Packet, PublishOptions};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{Mutex, watch},
    time::sleep,
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Length of the queue of messages.
const MAX_WAITING: usize = 1000;

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// A broker.
pub struct Mqtt {
    client: AsyncClient,
    connection: watch::Receiver<Result<(), NotWoken>>,
    /// The URL for agents.
    agents_url: BrokerUrl,
    _connecting: DropGuard,
}

impl Mqtt {
    /// Connects to a broker, and reconnects after a loss. `authorities` are the trusted certificate authorities in PEM;
    /// without them, the system's. Agents get `agents_url` as the broker's address.
    pub fn connect(
        broker: &BrokerUrl,
        agents_url: BrokerUrl,
        authorities: Option<&str>,
        supervisor: &Supervisor,
    ) -> Result<Self, BrokerError> {
        let (client, events) = broker.client(authorities, MAX_WAITING)?;
        let not_yet = NotWoken(format!("the broker {broker} was not reached yet"));
        let (connection, seen) = watch::channel(Err(not_yet));
        let link = Arc::new(Link {
            events: Mutex::new(events),
            broker: broker.to_string(),
            connection,
        });
        let stop = CancellationToken::new();
        supervisor.spawn("broker", stop.clone(), move |stop| {
            let link = Arc::clone(&link);
            async move {
                tokio::select! {
                    () = link.stay_connected() => {}
                    () = stop.cancelled() => {}
                }
            }
        });
        Ok(Self {
            client,
            connection: seen,
            agents_url,
            _connecting: stop.drop_guard(),
        })
    }
}

/// The connection to a broker.
struct Link {
    events: Mutex<EventLoop>,
    broker: String,
    connection: watch::Sender<Result<(), NotWoken>>,
}

impl Link {
    async fn stay_connected(&self) {
        let Self {
            broker, connection, ..
        } = self;
        let mut events = self.events.lock().await;
        let mut pause = FIRST_PAUSE;
        loop {
            match events.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    tracing::info!(broker, "connected to the broker of wake-ups");
                    pause = FIRST_PAUSE;
                    connection.send_modify(|now| *now = Ok(()));
                }
                Ok(_) => {}
                Err(error) => {
                    let gone = NotWoken(format!("the broker {broker} can't be reached ({error})"));
                    // A repeated error is logged once.
                    let is_news = connection.send_if_modified(|now| {
                        let before = std::mem::replace(now, Err(gone.clone()));
                        before != *now
                    });
                    if is_news {
                        tracing::warn!(
                            "{gone}; trying again, and agents sync by themselves meanwhile"
                        );
                    }
                    sleep(pause).await;
                    pause = (pause * 2).min(MAX_BACKOFF);
                }
            }
        }
    }
}

#[async_trait]
impl WakeUp for Mqtt {
    async fn wake(&self, topic: &str) -> Result<(), NotWoken> {
        self.connection()?;
        let mut connection = self.connection.clone();
        let closed = || NotWoken("the connection to the broker was closed".into());
        tokio::select! {
            sent = self.client.publish(topic, Vec::new(), PublishOptions::at_least_once()) => sent.map_err(|_| closed()),
            lost = connection.wait_for(Result::is_err) => match lost {
                Ok(now) => now.clone(),
                Err(_) => Err(closed()),
            },
        }
    }

    fn connection(&self) -> Result<(), NotWoken> {
        self.connection.borrow().clone()
    }

    fn url(&self) -> &str {
        self.agents_url.whole()
    }
}
