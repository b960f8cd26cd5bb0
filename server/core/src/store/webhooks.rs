//! Webhooks and their events. An event is written once, in the transaction of its change, if any webhook subscribes to
//! its kind. Each webhook has a cursor: its position in the events.

use super::{RequestRecord, StoreError, StoredResponse};
use crate::{
    access::DeviceScope,
    event::{Event, EventKind},
};
use async_trait::async_trait;
use mdm_contract::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

mdm_contract::text_enum! {
    /// The state of a webhook: events are delivered, or not.
    #[derive(utoipa::ToSchema)]
    WebhookState {
        /// They are.
        Active = "active",
        /// An admin has paused it: it misses what happens meanwhile.
        Paused = "paused",
        /// The receiver is gone (410).
        Gone = "gone",
    }
}

/// A webhook: a URL and the events that it receives.
#[derive(Clone)]
pub struct Webhook {
    /// Its id.
    pub id: String,
    /// The URL that receives the events.
    pub url: String,
    /// Of which kinds; empty: of all.
    pub events: BTreeSet<EventKind>,
    /// About which devices.
    pub scope: DeviceScope,
    /// The secret that signs messages, sealed by the server.
    pub secret: Vec<u8>,
    /// The secret before, and until when messages are signed with it as well.
    pub former_secret: Option<(Vec<u8>, Timestamp)>,
    /// Since when there is this webhook.
    pub created_at: Timestamp,
    /// The state: events are delivered, or not.
    pub state: WebhookState,
    /// The progress.
    pub progress: Progress,
}

/// The progress of a webhook.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The number of the last event that it is done with.
    pub done: u64,
    /// Failed attempts in a row.
    pub failures: u32,
    /// The time of the first of them.
    pub failing_since: Option<Timestamp>,
    /// Nothing is sent before.
    pub next_try: Timestamp,
}

mdm_contract::text_enum! {
    /// The result of an attempt.
    #[derive(utoipa::ToSchema)]
    AttemptResult {
        /// The receiver has taken the message.
        Delivered = "delivered",
        /// It has not; the message is sent again.
        Failed = "failed",
        /// It has not for so long that the message is not sent again.
        GivenUp = "given-up",
        /// The receiver is gone.
        Gone = "gone",
    }
}

/// One attempt to deliver a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When.
    pub at: Timestamp,
    /// The id of the message.
    pub message: String,
    /// The type of the event.
    pub kind: String,
    /// The result.
    pub result: AttemptResult,
    /// The HTTP status of the response. `None` without a response.
    pub status: Option<u16>,
    /// Why it failed, in words.
    pub error: Option<String>,
    /// When it is tried again.
    pub next_try: Option<Timestamp>,
}

/// Webhooks. Every change by an admin has its line in the audit trail.
#[async_trait]
pub trait Webhooks: Send + Sync + 'static {
    /// All webhooks, oldest first.
    async fn webhooks(&self) -> Result<Vec<Webhook>, StoreError>;

    /// One webhook.
    async fn webhook(&self, id: &str) -> Result<Option<Webhook>, StoreError>;

    /// Adds a webhook, which receives events from now on.
    async fn add_webhook(&self, webhook: Webhook, audit: RequestRecord) -> Result<(), StoreError>;

    /// Pauses a webhook, or resumes it with events from now on. Returns `false` if there is none of this id.
    async fn set_webhook_state(
        &self,
        id: &str,
        state: WebhookState,
        audit: RequestRecord,
    ) -> Result<bool, StoreError>;

    /// Changes a webhook's secret; the former one is valid until then. Returns `false` if there is none of this id.
    async fn set_webhook_secret(
        &self,
        id: &str,
        secret: Vec<u8>,
        former_until: Timestamp,
        audit: RequestRecord,
    ) -> Result<bool, StoreError>;

    /// Removes a webhook. Returns `false` if there is none of this id.
    async fn remove_webhook(&self, id: &str, audit: RequestRecord) -> Result<bool, StoreError>;

    /// Active webhooks that events wait for, and whose time has come, those that wait longest first.
    async fn due_webhooks(&self, now: Timestamp) -> Result<Vec<String>, StoreError>;

    /// Up to `limit` events after this number, in their order.
    async fn events(&self, after: u64, limit: u32) -> Result<Vec<Event>, StoreError>;

    /// Stores an attempt, if there was one, and the webhook's position; deletes the events that every active webhook
    /// has received. Returns `false` and stores nothing if the webhook is no longer active.
    async fn note_attempt(
        &self,
        webhook: &str,
        attempt: Option<Attempt>,
        progress: Progress,
        state: WebhookState,
    ) -> Result<bool, StoreError>;

    /// Stores the attempt of a test message, its response if the request had an idempotency key, and the time of the
    /// next attempt to send events; `None` leaves that time as it is.
    async fn note_test(
        &self,
        webhook: &str,
        attempt: Attempt,
        next_try: Option<Timestamp>,
        response: Option<StoredResponse>,
    ) -> Result<(), StoreError>;

    /// The latest `limit` attempts, latest first.
    async fn attempts(&self, webhook: &str, limit: u32) -> Result<Vec<Attempt>, StoreError>;
}
