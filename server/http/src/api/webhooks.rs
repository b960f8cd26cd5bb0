//! Routes of webhooks.

use super::components::Components;
use super::{auth::Authenticated, body::Body, parts::Path, problem::ApiError, tags::WEBHOOKS};
use axum::{Json, extract::State, http::StatusCode};
use mdm_contract::time::{self, Timestamp};
use mdm_server_core::{
    access::DeviceScope,
    event::EventKind,
    store::{Attempt, AttemptResult, Webhook, WebhookState},
    webhooks::Webhooks,
    webhooks::{MadeWebhook, NewWebhook},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, sync::Arc};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

type WebhooksState = State<Arc<Webhooks>>;
type JsonResult<T> = Result<Json<T>, ApiError>;
type Created<T> = Result<(StatusCode, Json<T>), ApiError>;

pub(super) fn router() -> OpenApiRouter<Components> {
    OpenApiRouter::new()
        .routes(routes!(webhooks, add))
        .routes(routes!(webhook, remove))
        .routes(routes!(test))
        .routes(routes!(change_secret))
        .routes(routes!(pause))
        .routes(routes!(resume))
}

/// A webhook: a URL and the events that it receives.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct WebhookView {
    /// Its id.
    pub id: String,
    /// The URL that receives the events.
    pub url: String,
    /// Of which kinds; empty: of all.
    pub events: BTreeSet<EventKind>,
    /// About the devices of these groups. Without any, about all devices.
    pub groups: DeviceScope,
    /// Its state: events are delivered, or not.
    pub state: WebhookState,
    /// The first failure since the last delivery.
    #[serde(with = "time::option", default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub failing_since: Option<Timestamp>,
    /// Failed attempts in a row.
    pub failures: u32,
    /// The time of the next attempt.
    #[serde(with = "time::option", default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_try: Option<Timestamp>,
    /// Since when there is this webhook.
    #[serde(with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl From<Webhook> for WebhookView {
    fn from(webhook: Webhook) -> Self {
        let progress = webhook.progress;
        let is_again = progress.failures > 0 && webhook.state == WebhookState::Active;
        Self {
            id: webhook.id,
            url: webhook.url,
            events: webhook.events,
            groups: webhook.scope,
            state: webhook.state,
            failing_since: progress.failing_since,
            failures: progress.failures,
            next_try: is_again.then_some(progress.next_try),
            created_at: webhook.created_at,
        }
    }
}

/// A webhook with its new secret, which is shown only once.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct NewWebhookView {
    /// The webhook.
    #[serde(flatten)]
    pub webhook: WebhookView,
    /// The secret that signs its messages.
    pub secret: String,
}

impl From<MadeWebhook> for NewWebhookView {
    fn from(made: MadeWebhook) -> Self {
        Self {
            webhook: made.webhook.into(),
            secret: made.secret.to_string(),
        }
    }
}

/// One attempt to deliver a message.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AttemptView {
    /// When.
    #[serde(with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The id of the message: the header `webhook-id`.
    pub message: String,
    /// The type of the event.
    #[serde(rename = "type")]
    pub kind: String,
    /// The result.
    pub result: AttemptResult,
    /// The HTTP status of the response. `None` without a response.
    pub status: Option<u16>,
    /// Why it failed, in words.
    pub error: Option<String>,
    /// The time of the next attempt.
    #[serde(with = "time::option", default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_try: Option<Timestamp>,
}

impl From<Attempt> for AttemptView {
    fn from(attempt: Attempt) -> Self {
        Self {
            at: attempt.at,
            message: attempt.message,
            kind: attempt.kind,
            result: attempt.result,
            status: attempt.status,
            error: attempt.error,
            next_try: attempt.next_try,
        }
    }
}

/// A webhook, and what came of the latest attempts.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct WebhookWithAttempts {
    /// The webhook.
    #[serde(flatten)]
    pub webhook: WebhookView,
    /// Latest first.
    pub attempts: Vec<AttemptView>,
}

/// The webhooks.
#[utoipa::path(
    get,
    path = "/webhooks",
    tag = WEBHOOKS,
    responses((status = 200, body = Vec<WebhookView>)),
)]
async fn webhooks(
    Authenticated(by): Authenticated,
    webhooks: WebhooksState,
) -> JsonResult<Vec<WebhookView>> {
    let webhooks = webhooks.list(&by).await?;
    Ok(Json(webhooks.into_iter().map(WebhookView::from).collect()))
}

/// A webhook, and what came of the latest attempts.
#[utoipa::path(
    get,
    path = "/webhooks/{webhook}",
    tag = WEBHOOKS,
    responses((status = 200, body = WebhookWithAttempts)),
)]
async fn webhook(
    Authenticated(by): Authenticated,
    webhooks: WebhooksState,
    Path(webhook): Path<String>,
) -> JsonResult<WebhookWithAttempts> {
    let (webhook, attempts) = webhooks.get(&by, &webhook).await?;
    Ok(Json(WebhookWithAttempts {
        webhook: webhook.into(),
        attempts: attempts.into_iter().map(AttemptView::from).collect(),
    }))
}

/// Adds a webhook. Its secret is shown only once.
#[utoipa::path(
    post,
    path = "/webhooks",
    operation_id = "add_webhook",
    tag = WEBHOOKS,
    request_body = NewWebhook,
    responses((status = 201, body = NewWebhookView)),
)]
async fn add(
    Authenticated(by): Authenticated,
    webhooks: WebhooksState,
    Body(new): Body<NewWebhook>,
) -> Created<NewWebhookView> {
    let made = webhooks.add(&by, new).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Removes a webhook.
#[utoipa::path(
    delete,
    path = "/webhooks/{webhook}",
    operation_id = "remove_webhook",
    tag = WEBHOOKS,
    responses((status = 204)),
)]
async fn remove(
    Authenticated(by): Authenticated,
    webhooks: WebhooksState,
    Path(webhook): Path<String>,
) -> Result<StatusCode, ApiError> {
    webhooks.remove(&by, &webhook).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends a test message now.
#[utoipa::path(
    post,
    path = "/webhooks/{webhook}/test",
    operation_id = "test_webhook",
    tag = WEBHOOKS,
    responses((status = 200, body = AttemptView)),
)]
async fn test(
    Authenticated(by): Authenticated,
    webhooks: WebhooksState,
    Path(webhook): Path<String>,
) -> JsonResult<AttemptView> {
    Ok(Json(webhooks.test(&by, &webhook).await?.into()))
}

/// Rotates the signing secret. The new one is shown only once. For a day, messages are also signed with the former one.
#[utoipa::path(
    post,
    path = "/webhooks/{webhook}/secret",
    operation_id = "change_webhook_secret",
    tag = WEBHOOKS,
    responses((status = 201, body = NewWebhookView)),
)]
async fn change_secret(
    Authenticated(by): Authenticated,
    webhooks: WebhooksState,
    Path(webhook): Path<String>,
) -> Created<NewWebhookView> {
    let made = webhooks.change_secret(&by, &webhook).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Delivers nothing until it is resumed.
#[utoipa::path(
    post,
    path = "/webhooks/{webhook}/pause",
    operation_id = "pause_webhook",
    tag = WEBHOOKS,
    responses((status = 200, body = WebhookView)),
)]
async fn pause(
    Authenticated(by): Authenticated,
    webhooks: WebhooksState,
    Path(webhook): Path<String>,
) -> JsonResult<WebhookView> {
    webhooks.pause(&by, &webhook).await?;
    Ok(Json(webhooks.get(&by, &webhook).await?.0.into()))
}

/// Resumes the delivery, with events from now on.
#[utoipa::path(
    post,
    path = "/webhooks/{webhook}/resume",
    operation_id = "resume_webhook",
    tag = WEBHOOKS,
    responses((status = 200, body = WebhookView)),
)]
async fn resume(
    Authenticated(by): Authenticated,
    webhooks: WebhooksState,
    Path(webhook): Path<String>,
) -> JsonResult<WebhookView> {
    webhooks.resume(&by, &webhook).await?;
    Ok(Json(webhooks.get(&by, &webhook).await?.0.into()))
}
