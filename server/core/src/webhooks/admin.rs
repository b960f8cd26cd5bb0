//! Management of webhooks. An admin with a device scope manages the webhooks whose scope lies within it.

use crate::{
    access::{Caller, DeviceScope},
    audit::AuditEntry,
    commits::Commits,
    error::ServerError,
    event::{EventKind, Message},
    keys::HostKeys,
    request_checks::check_scope,
    sealed,
    store::{Attempt, AttemptResult, Store, Webhook, WebhookState},
    stored_responses::{self, StoredResponses},
    webhook_client::{BadSecret, Outgoing, Secret, Sender},
};
use mdm_contract::time;
use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{collections::BTreeSet, sync::Arc};
use uuid::Uuid;
use zeroize::Zeroizing;

/// Limit of webhooks per server.
const MAX_WEBHOOKS: usize = 100;

/// Overlap after a change of the secret, in milliseconds. Messages carry both signatures until then.
const FORMER_COUNTS: u64 = 24 * 3600 * 1000;

/// Limit of attempts in a response.
const ATTEMPTS: u32 = 50;

/// Message type of a test.
const TEST: &str = "webhook.test";

/// A webhook to be created.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWebhook {
    /// URL of the receiver.
    pub url: String,
    /// Kinds of events; empty for all kinds.
    #[serde(default)]
    pub events: BTreeSet<EventKind>,
    /// Groups of the devices; `null` for all devices.
    #[serde(rename = "groups", deserialize_with = "DeviceScope::present")]
    #[schema(required = true)]
    pub scope: DeviceScope,
}

/// The webhook's id and new secret. The stored response is made from it.
#[derive(Serialize, Deserialize)]
struct ToldOnce {
    id: String,
    secret: Zeroizing<String>,
}

/// A webhook with its new secret, which is shown once.
pub struct MadeWebhook {
    /// The webhook.
    pub webhook: Webhook,
    /// Secret that signs its messages.
    pub secret: Zeroizing<String>,
}

impl From<BadSecret> for ServerError {
    fn from(error: BadSecret) -> Self {
        Self::WebhookSecret(error.to_string())
    }
}

/// Management of webhooks.
pub struct Webhooks {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) keys: Arc<HostKeys>,
    pub(crate) responses: StoredResponses,
    pub(crate) sender: Sender,
    pub(crate) commits: Arc<Commits>,
}

impl Webhooks {
    /// The webhooks that the caller may manage, oldest first.
    pub async fn list(&self, by: &Caller) -> Result<Vec<Webhook>, ServerError> {
        let mut webhooks = self.store.webhooks().await?;
        webhooks.retain(|webhook| check_managed(by, &webhook.scope).is_ok());
        Ok(webhooks)
    }

    /// A webhook and its latest delivery attempts, latest first.
    pub async fn get(&self, by: &Caller, id: &str) -> Result<(Webhook, Vec<Attempt>), ServerError> {
        let webhook = self.managed(by, id).await?;
        Ok((webhook, self.store.attempts(id, ATTEMPTS).await?))
    }

    /// Creates a webhook, for events from now on.
    pub async fn add(&self, by: &Caller, new: NewWebhook) -> Result<MadeWebhook, ServerError> {
        let NewWebhook { url, events, scope } = new;
        let url = self.sender.destinations().read(url.trim())?;
        check_scope(&scope)?;
        check_managed(by, &scope)?;
        let made = self
            .responses
            .once(by, self.make_webhook(by, url, events, scope));
        self.told(by, made.await?).await
    }

    async fn make_webhook(
        &self,
        by: &Caller,
        url: Url,
        events: BTreeSet<EventKind>,
        scope: DeviceScope,
    ) -> Result<ToldOnce, ServerError> {
        if self.store.webhooks().await?.len() >= MAX_WEBHOOKS {
            return Err(ServerError::TooManyWebhooks(MAX_WEBHOOKS));
        }
        let id = Uuid::now_v7().to_string();
        let secret = Secret::random()?.text();
        let webhook = Webhook {
            secret: self.seal_secret(&id, &secret)?,
            url: url.into(),
            events,
            scope,
            former_secret: None,
            created_at: time::now(),
            state: WebhookState::Active,
            progress: Default::default(),
            id: id.clone(),
        };
        let made = ToldOnce { id, secret };
        let audit = self
            .responses
            .record(by, audit(by, "add-webhook", &webhook), &made)?;
        self.store.add_webhook(webhook, audit).await?;
        Ok(made)
    }

    /// Replaces the secret of a webhook. Messages carry both signatures for a day.
    pub async fn change_secret(&self, by: &Caller, id: &str) -> Result<MadeWebhook, ServerError> {
        let made = self.responses.once(by, self.new_secret(by, id)).await?;
        self.told(by, made).await
    }

    async fn new_secret(&self, by: &Caller, id: &str) -> Result<ToldOnce, ServerError> {
        let webhook = self.managed(by, id).await?;
        let secret = Secret::random()?.text();
        let sealed = self.seal_secret(id, &secret)?;
        let until = time::now() + FORMER_COUNTS;
        let id = id.to_owned();
        let made = ToldOnce { id, secret };
        let audit =
            self.responses
                .record(by, audit(by, "change-webhook-secret", &webhook), &made)?;
        let changed = self
            .store
            .set_webhook_secret(&made.id, sealed, until, audit);
        found(changed.await?, &made.id)?;
        Ok(made)
    }

    /// The current webhook, with its secret.
    async fn told(&self, by: &Caller, made: ToldOnce) -> Result<MadeWebhook, ServerError> {
        let ToldOnce { id, secret } = made;
        let webhook = self.managed(by, &id).await?;
        Ok(MadeWebhook { webhook, secret })
    }

    /// Pauses a webhook. Events until it is resumed are not delivered.
    pub async fn pause(&self, by: &Caller, id: &str) -> Result<(), ServerError> {
        self.managed(by, id).await?;
        let paused = self.set_state(by, id, WebhookState::Paused, "pause-webhook");
        self.responses.once(by, paused).await
    }

    /// Resumes a paused webhook, or one whose receiver was gone, for events from now on.
    pub async fn resume(&self, by: &Caller, id: &str) -> Result<(), ServerError> {
        self.managed(by, id).await?;
        let resumed = self.set_state(by, id, WebhookState::Active, "resume-webhook");
        self.responses.once(by, resumed).await
    }

    async fn set_state(
        &self,
        by: &Caller,
        id: &str,
        state: WebhookState,
        action: &str,
    ) -> Result<(), ServerError> {
        let audit = audit(by, action, &self.managed(by, id).await?);
        let audit = self.responses.record(by, audit, &())?;
        found(self.store.set_webhook_state(id, state, audit).await?, id)
    }

    /// Removes a webhook and its undelivered events.
    pub async fn remove(&self, by: &Caller, id: &str) -> Result<(), ServerError> {
        self.responses.once(by, self.end_webhook(by, id)).await
    }

    async fn end_webhook(&self, by: &Caller, id: &str) -> Result<(), ServerError> {
        let audit = audit(by, "remove-webhook", &self.managed(by, id).await?);
        let audit = self.responses.record(by, audit, &())?;
        found(self.store.remove_webhook(id, audit).await?, id)
    }

    /// Sends a test message now. If the receiver accepts it, waiting events are sent at once.
    pub async fn test(&self, by: &Caller, id: &str) -> Result<Attempt, ServerError> {
        self.managed(by, id).await?;
        self.responses.once(by, self.send_test(by, id)).await
    }

    async fn send_test(&self, by: &Caller, id: &str) -> Result<Attempt, ServerError> {
        let webhook = self.managed(by, id).await?;
        let at = time::now();
        // Receivers recognize a message by its id, so a retry after a crash must reuse it.
        let unique = match &by.idempotency_key {
            Some(key) => self.keys.message_id(&key.request, key.key.as_bytes()),
            None => Uuid::now_v7(),
        };
        let message = format!("msg_{}", unique.simple());
        let body = json_body(&Message {
            kind: TEST.to_owned(),
            timestamp: at,
            data: json!({"webhook": id}),
        })?;
        let secrets = self.secrets(&webhook)?;
        let outgoing = Outgoing {
            id: &message,
            timestamp: at / 1000,
            body,
            secrets: &secrets,
        };
        let sent = self.sender.send(&webhook.url, outgoing).await;
        let is_delivered = sent.is_ok();
        let attempt = Attempt {
            at,
            message,
            kind: TEST.to_owned(),
            result: match is_delivered {
                true => AttemptResult::Delivered,
                false => AttemptResult::Failed,
            },
            status: sent
                .as_ref()
                .map_or_else(|error| error.status(), |it| Some(*it)),
            error: sent.err().map(|error| error.to_string()),
            next_try: None,
        };
        let next_try = is_delivered.then_some(at);
        let response = stored_responses::response(&self.keys, by, &attempt)?;
        self.store
            .note_test(id, attempt.clone(), next_try, response)
            .await?;
        self.commits.events.notify_one();
        Ok(attempt)
    }

    /// Secrets that sign messages of a webhook now, newest first.
    pub(super) fn secrets(&self, webhook: &Webhook) -> Result<Vec<Secret>, ServerError> {
        let former = webhook.former_secret.iter();
        let former = former.filter(|(_, until)| time::now() < *until);
        let sealed = std::iter::once(&webhook.secret).chain(former.map(|(secret, _)| secret));
        let open = |sealed: &Vec<u8>| {
            let text = sealed::open(&self.keys.webhook_key(), &webhook.id, sealed)?;
            let text = std::str::from_utf8(&text).map_err(|_| BadSecret::Form)?;
            Ok(Secret::read(text)?)
        };
        sealed.map(open).collect()
    }

    fn seal_secret(&self, id: &str, secret: &str) -> Result<Vec<u8>, ServerError> {
        Ok(sealed::seal(
            &self.keys.webhook_key(),
            id,
            secret.as_bytes(),
        )?)
    }

    /// Loads a webhook that the caller may manage.
    async fn managed(&self, by: &Caller, id: &str) -> Result<Webhook, ServerError> {
        let webhook = self.store.webhook(id).await?;
        let webhook = webhook.ok_or_else(|| ServerError::UnknownWebhook(id.to_owned()))?;
        check_managed(by, &webhook.scope)?;
        Ok(webhook)
    }
}

/// JSON body of a message.
pub(super) fn json_body(message: &impl serde::Serialize) -> Result<Vec<u8>, ServerError> {
    serde_json::to_vec(message).map_err(|error| ServerError::BadRequest(error.to_string()))
}

/// Errors if the scope exceeds the caller's own.
fn check_managed(by: &Caller, scope: &DeviceScope) -> Result<(), ServerError> {
    Ok(by.check_grant(&BTreeSet::new(), scope)?)
}

fn found(is_found: bool, id: &str) -> Result<(), ServerError> {
    match is_found {
        true => Ok(()),
        false => Err(ServerError::UnknownWebhook(id.to_owned())),
    }
}

/// The entry in the audit trail. It names the receiver's host only, because the URL may contain a key.
fn audit(by: &Caller, action: &str, webhook: &Webhook) -> AuditEntry {
    let url = reqwest::Url::parse(&webhook.url).ok();
    let receiver = url.map_or_else(String::new, |it| it.origin().ascii_serialization());
    AuditEntry {
        detail: Some(format!("{}: {receiver}, {}", webhook.id, webhook.scope)),
        ..AuditEntry::new(time::now(), by, action)
    }
}
