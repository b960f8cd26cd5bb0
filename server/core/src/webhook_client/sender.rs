//! Sends a message in a single attempt.

use super::{Destinations, NoDestination, Secret};
use reqwest::{Client, StatusCode, header, redirect};
use std::{error::Error, sync::OnceLock, time::Duration};

/// Timeout of an attempt.
const TIME: Duration = Duration::from_secs(10);

/// User agent of the requests.
const AGENT: &str = concat!("mdm-server/", env!("CARGO_PKG_VERSION"));

/// HTTP client for messages.
pub struct Sender {
    destinations: Destinations,
    /// Made for the first message, because most servers have no webhook.
    client: OnceLock<Client>,
}

/// A message to be sent.
pub struct Outgoing<'a> {
    /// Id by which receivers recognize the message.
    pub id: &'a str,
    /// Time of the attempt, in seconds since 1970.
    pub timestamp: u64,
    /// Body of the request.
    pub body: Vec<u8>,
    /// Secrets, each of which signs the message.
    pub secrets: &'a [Secret],
}

/// Reason why a message was not delivered.
#[derive(Debug, thiserror::Error)]
pub enum NotDelivered {
    /// The server does not send to this address.
    #[error(transparent)]
    NoDestination(#[from] NoDestination),
    /// The receiver did not accept the message.
    #[error("the receiver answered {0}")]
    Status(StatusCode),
    /// There was no response.
    #[error("{0}")]
    NoAnswer(String),
}

impl NotDelivered {
    /// The status code of the response, if there was one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status(status) => Some(status.as_u16()),
            _ => None,
        }
    }

    /// Returns `true` if the receiver responded 410 Gone.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Status(StatusCode::GONE))
    }
}

impl Sender {
    /// A sender for these destinations.
    pub fn new(destinations: Destinations) -> Self {
        Self {
            destinations,
            client: OnceLock::new(),
        }
    }

    /// The allowed destinations.
    pub fn destinations(&self) -> Destinations {
        self.destinations
    }

    /// Sends a message. Returns the status code with which the receiver accepted it. Redirects are not followed: an
    /// admin has to enter the new URL.
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
            // A proxy would resolve names itself, without the check.
            .no_proxy()
            .dns_resolver(self.destinations)
            .build()
            .map_err(no_answer)?;
        Ok(self.client.get_or_init(|| client))
    }
}

/// The root cause of an error, without the URL, which may contain a key.
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
