//! Sends one message, once.

use super::{Destinations, NoDestination, Secret};
use reqwest::{Client, StatusCode, header, redirect};
use std::{error::Error, sync::OnceLock, time::Duration};

/// How long a receiver may take.
const TIME: Duration = Duration::from_secs(10);

/// What a sender calls itself.
const AGENT: &str = concat!("mdm-server/", env!("CARGO_PKG_VERSION"));

/// Sends messages.
pub struct Sender {
    destinations: Destinations,
    /// Made when something is sent the first time: most hosts have no webhook.
    client: OnceLock<Client>,
}

/// A message on its way.
pub struct Outgoing<'a> {
    /// What receivers know it by.
    pub id: &'a str,
    /// When it is sent, in seconds since 1970.
    pub timestamp: u64,
    /// What it says.
    pub body: Vec<u8>,
    /// It is signed with each of these.
    pub secrets: &'a [Secret],
}

/// Why a message was not delivered.
#[derive(Debug, thiserror::Error)]
pub enum NotDelivered {
    /// The host does not send there.
    #[error(transparent)]
    NoDestination(#[from] NoDestination),
    /// The receiver did not take it.
    #[error("the receiver answered {0}")]
    Status(StatusCode),
    /// There was no answer.
    #[error("{0}")]
    NoAnswer(String),
}

impl NotDelivered {
    /// The status of the answer, if there was one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status(status) => Some(status.as_u16()),
            _ => None,
        }
    }

    /// Whether the receiver says that it is there no more.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Status(StatusCode::GONE))
    }
}

impl Sender {
    /// Sends to these.
    pub fn new(destinations: Destinations) -> Self {
        Self {
            destinations,
            client: OnceLock::new(),
        }
    }

    /// Where it may send to.
    pub fn destinations(&self) -> Destinations {
        self.destinations
    }

    /// Sends a message; the status with which it was taken. Redirections are not followed: a receiver that has
    /// moved is to be named anew.
    pub async fn send(&self, url: &str, message: Outgoing<'_>) -> Result<u16, NotDelivered> {
        let url = self.destinations.read(url)?;
        let Outgoing {
            id,
            timestamp,
            body,
            secrets,
        } = message;
        let signatures: Vec<String> = secrets
            .iter()
            .map(|secret| secret.sign(id, timestamp, &body))
            .collect();
        let answer = self
            .client()?
            .post(url)
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signatures.join(" "))
            .body(body)
            .send()
            .await
            .map_err(no_answer)?;
        match answer.status() {
            status if status.is_success() => Ok(status.as_u16()),
            status => Err(NotDelivered::Status(status)),
        }
    }

    fn client(&self) -> Result<&Client, NotDelivered> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = Client::builder()
            .user_agent(AGENT)
            .timeout(TIME)
            .redirect(redirect::Policy::none())
            // A proxy would resolve names itself, unchecked.
            .no_proxy()
            .dns_resolver(self.destinations)
            .build()
            .map_err(no_answer)?;
        Ok(self.client.get_or_init(|| client))
    }
}

/// What went wrong at the bottom of it, without the URL: there may be a key in it.
fn no_answer(error: reqwest::Error) -> NotDelivered {
    if error.is_timeout() {
        return NotDelivered::NoAnswer(format!("no answer within {} s", TIME.as_secs()));
    }
    let error = error.without_url();
    let mut cause: &dyn Error = &error;
    while let Some(deeper) = cause.source() {
        if let Some(no_destination) = deeper.downcast_ref::<NoDestination>() {
            return no_destination.clone().into();
        }
        cause = deeper;
    }
    NotDelivered::NoAnswer(format!("the receiver can't be reached: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_url_that_was_taken_once_is_checked_each_time() {
        let message = Outgoing {
            id: "msg_1",
            timestamp: 1,
            body: Vec::new(),
            secrets: &[],
        };
        let sender = Sender::new(Destinations::Public);
        let sent = sender.send("https://127.0.0.1:9/", message).await;
        assert!(matches!(sent, Err(NotDelivered::NoDestination(_))));
    }
}
