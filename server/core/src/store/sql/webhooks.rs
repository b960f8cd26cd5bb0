//! Webhooks in SQL: their events, and their delivery positions.

use super::{Dialect, Engine, Row, Statement, Value};
use crate::{
    event::Event,
    store::{
        Attempt, Progress, RequestRecord, StoreError, StoredResponse, Webhook, WebhookState,
        Webhooks,
    },
};
use async_trait::async_trait;
use mdm_contract::time::Timestamp;

const COLUMNS: &str = "id, url, events, scope, secret, former_secret, former_secret_until, \
    created_at, state, done, failures, failing_since, next_try";

/// Number of stored attempts per webhook.
const MAX_ATTEMPTS: u32 = 100;

/// Deletes events that all active webhooks have received; a paused webhook misses events. Limited, because other
/// writers wait meanwhile: the next attempts delete the rest.
const FORGET_EVENTS: &str = "delete from webhook_events where number in (select number from webhook_events \
    where number <= (select coalesce(min(done), 9223372036854775807) from webhooks where state = 'active') \
    order by number limit 10000)";

/// The number of the latest event, also of a deleted one.
fn latest_event(dialect: Dialect) -> &'static str {
    dialect.choose(
        "coalesce((select seq from sqlite_sequence where name = 'webhook_events'), 0)",
        "(select number from webhook_events_end)",
    )
}

#[async_trait]
impl<E: Engine> Webhooks for E {
    async fn webhooks(&self) -> Result<Vec<Webhook>, StoreError> {
        let sql = format!("select {COLUMNS} from webhooks order by id");
        self.query(&sql, &[]).await?.iter().map(webhook).collect()
    }

    async fn webhook(&self, id: &str) -> Result<Option<Webhook>, StoreError> {
        let sql = format!("select {COLUMNS} from webhooks where id = $1");
        let rows = self.query(&sql, &[id.into()]).await?;
        rows.first().map(webhook).transpose()
    }

    async fn add_webhook(&self, webhook: Webhook, audit: RequestRecord) -> Result<(), StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                let sql = format!(
                    "insert into webhooks (id, url, events, scope, secret, created_at, state, done) \
                     values ($1, $2, $3, $4, $5, $6, $7, {})",
                    latest_event(E::DIALECT)
                );
                let values = [
                    webhook.id.into(),
                    webhook.url.into(),
                    Value::json(&webhook.events)?,
                    Value::json(&webhook.scope)?,
                    webhook.secret.into(),
                    webhook.created_at.into(),
                    webhook.state.as_str().into(),
                ];
                tx.execute(&sql, &values).await?;
                tx.audit(audit).await
            })
        })
        .await
    }

    async fn set_webhook_state(
        &self,
        id: &str,
        state: WebhookState,
        audit: RequestRecord,
    ) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.write(move |tx| {
            Box::pin(async move {
                let sql = format!(
                    "update webhooks set state = $1, done = {}, failures = 0, \
                     failing_since = null, next_try = 0 where id = $2 and state <> $1",
                    latest_event(E::DIALECT)
                );
                let values = [state.as_str().into(), id.as_str().into()];
                if tx.execute(&sql, &values).await? == 1 {
                    tx.execute(FORGET_EVENTS, &[]).await?;
                    tx.audit(audit).await?;
                    return Ok(true);
                }
                let sql = "select 1 from webhooks where id = $1";
                let exists = tx.exists(sql, &[id.into()]).await?;
                if let (true, Some(response)) = (exists, audit.response) {
                    tx.store_response(response).await?;
                }
                Ok(exists)
            })
        })
        .await
    }

    async fn set_webhook_secret(
        &self,
        id: &str,
        secret: Vec<u8>,
        former_until: Timestamp,
        audit: RequestRecord,
    ) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.write(move |tx| {
            Box::pin(async move {
                let sql = "update webhooks set former_secret = secret, former_secret_until = $1, \
                           secret = $2 where id = $3";
                let values = [former_until.into(), secret.into(), id.into()];
                let changed = tx.execute(sql, &values).await?;
                tx.audit_if_done(changed, audit).await
            })
        })
        .await
    }

    async fn remove_webhook(&self, id: &str, audit: RequestRecord) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.write(move |tx| {
            Box::pin(async move {
                let sql = "delete from webhooks where id = $1";
                let removed = tx.execute(sql, &[id.into()]).await?;
                tx.execute(FORGET_EVENTS, &[]).await?;
                tx.audit_if_done(removed, audit).await
            })
        })
        .await
    }

    async fn due_webhooks(&self, now: Timestamp) -> Result<Vec<String>, StoreError> {
        let sql = format!(
            "select id from webhooks where state = 'active' and next_try <= $1 and done < {} \
             order by next_try",
            latest_event(E::DIALECT)
        );
        let rows = self.query(&sql, &[now.into()]).await?;
        rows.iter().map(|row| row.get("id")).collect()
    }

    async fn events(&self, after: u64, limit: u32) -> Result<Vec<Event>, StoreError> {
        let sql = "select number, id, kind, at, about from webhook_events where number > $1 \
                   order by number limit $2";
        let rows = self.query(sql, &[after.into(), limit.into()]).await?;
        let events = rows.iter().map(|row| {
            Ok(Event {
                number: row.get("number")?,
                id: row.get("id")?,
                kind: row.parse("kind")?,
                at: row.get("at")?,
                about: row.json("about")?,
            })
        });
        events.collect()
    }

    async fn note_attempt(
        &self,
        webhook: &str,
        attempt: Option<Attempt>,
        progress: Progress,
        state: WebhookState,
    ) -> Result<bool, StoreError> {
        let id = webhook.to_owned();
        self.write(move |tx| {
            Box::pin(async move {
                let sql = "update webhooks set done = $1, failures = $2, failing_since = $3, next_try = $4, \
                           state = $5 where id = $6 and state = 'active' and done <= $1";
                let values = [
                    progress.done.into(),
                    progress.failures.into(),
                    progress.failing_since.into(),
                    progress.next_try.into(),
                    state.as_str().into(),
                    id.as_str().into(),
                ];
                if tx.execute(sql, &values).await? == 0 {
                    return Ok(false);
                }
                let attempt = attempt.map(|attempt| insert_attempt(&id, attempt));
                let mut statements: Vec<Statement> = attempt.into_iter().flatten().collect();
                statements.push((FORGET_EVENTS, Vec::new()));
                tx.execute_all(statements).await?;
                Ok(true)
            })
        })
        .await
    }

    async fn note_test(
        &self,
        webhook: &str,
        attempt: Attempt,
        next_try: Option<Timestamp>,
        response: Option<StoredResponse>,
    ) -> Result<(), StoreError> {
        let id = webhook.to_owned();
        self.write(move |tx| {
            Box::pin(async move {
                let sql = "update webhooks set next_try = coalesce($1, next_try) where id = $2";
                let values = [next_try.into(), id.as_str().into()];
                if tx.execute(sql, &values).await? == 0 {
                    return Ok(());
                }
                if let Some(response) = response {
                    tx.store_response(response).await?;
                }
                tx.execute_all(insert_attempt(&id, attempt).into()).await
            })
        })
        .await
    }

    async fn attempts(&self, webhook: &str, limit: u32) -> Result<Vec<Attempt>, StoreError> {
        let sql = "select at, message, kind, result, status, error, next_try from webhook_attempts \
                   where webhook = $1 order by number desc limit $2";
        let rows = self.query(sql, &[webhook.into(), limit.into()]).await?;
        let attempts = rows.iter().map(|row| {
            Ok(Attempt {
                at: row.get("at")?,
                message: row.get("message")?,
                kind: row.get("kind")?,
                result: row.parse("result")?,
                status: row.get("status")?,
                error: row.get("error")?,
                next_try: row.get("next_try")?,
            })
        });
        attempts.collect()
    }
}

/// The statements that store an attempt and delete the oldest.
fn insert_attempt(webhook: &str, attempt: Attempt) -> [Statement; 2] {
    [
        (
            "insert into webhook_attempts (webhook, at, message, kind, result, status, error, next_try) \
             values ($1, $2, $3, $4, $5, $6, $7, $8)",
            vec![
                webhook.into(),
                attempt.at.into(),
                attempt.message.into(),
                attempt.kind.into(),
                attempt.result.as_str().into(),
                attempt.status.into(),
                attempt.error.into(),
                attempt.next_try.into(),
            ],
        ),
        (
            "delete from webhook_attempts where webhook = $1 and number <= \
             (select number from webhook_attempts where webhook = $1 \
             order by number desc limit 1 offset $2)",
            vec![webhook.into(), MAX_ATTEMPTS.into()],
        ),
    ]
}

fn webhook(row: &Row) -> Result<Webhook, StoreError> {
    let former: Option<Vec<u8>> = row.get("former_secret")?;
    Ok(Webhook {
        id: row.get("id")?,
        url: row.get("url")?,
        events: row.json("events")?,
        scope: row.json("scope")?,
        secret: row.get("secret")?,
        former_secret: former.zip(row.get("former_secret_until")?),
        created_at: row.get("created_at")?,
        state: row.parse("state")?,
        progress: Progress {
            done: row.get("done")?,
            failures: row.get("failures")?,
            failing_since: row.get("failing_since")?,
            next_try: row.get("next_try")?,
        },
    })
}
