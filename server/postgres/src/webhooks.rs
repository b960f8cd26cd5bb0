//! Webhooks and events in PostgreSQL.

use super::{
    PostgresStore,
    connection::{Ask as _, Step, values},
    idempotency,
    rows::{self, COMMAND_COLUMNS, number, optional_number, optional_signed, signed},
    writer::Batch,
};
use crate::rows::Columns as _;
use async_trait::async_trait;
use mdm_contract::{decisions::Command, time::Timestamp, words::Policy};
use mdm_server_core::{
    change::Change,
    event::{About, Event, EventKind},
    store::{
        Attempt, Progress, RequestRecord, StoreError, StoredResponse, Webhook, WebhookState,
        Webhooks,
    },
};
use tokio_postgres::Row;
use uuid::Uuid;

const WEBHOOK_COLUMNS: &str = "id, url, events, reach, secret, former_secret, former_secret_until, \
    created_at, state, done, failures, failing_since, next_try";

/// How many attempts of a webhook are kept.
const ATTEMPTS: i64 = 100;

/// The number of the latest event that ever was.
const LATEST: &str = "(select number from webhook_events_end)";

/// A paused webhook misses what happens meanwhile, so only active ones count. Everybody waits for whoever writes, so
/// of very many events the rest goes with the next attempts.
const FORGET_EVENTS: &str = "delete from webhook_events where number in (select number from webhook_events \
    where number <= (select coalesce(min(done), 9223372036854775807) from webhooks where state = 'active') \
    order by number limit 10000)";

/// Finds a row if there is somebody to be told of events.
pub(super) fn somebody_listens() -> Step {
    let query = "select 1 from webhooks where state = 'active' limit 1";
    Step::new(query, values![])
}

/// Writes an event for each change that is one. The changes are made already.
pub(super) async fn write_events(
    batch: &Batch,
    device: &str,
    at: Timestamp,
    changes: &[Change],
) -> Result<(), StoreError> {
    let events = changes
        .iter()
        .filter_map(|change| Some((EventKind::of(change)?, change)));
    for (kind, change) in events {
        let mut about = about(batch, device).await?;
        match change {
            Change::Send { command, .. } => about.command = Some(command.clone()),
            Change::Settle { command, .. } | Change::KeepLateOutcome { command, .. } => {
                about.command = Some(self::command(batch, device, command).await?);
            }
            Change::SetPolicyOverride(policy_override) => {
                about.policy = policy(batch, device).await?;
                about.policy_override = policy_override.clone();
            }
            _ => {}
        }
        insert_event(batch, kind, at, &about).await?;
    }
    Ok(())
}

/// Writes that a device enrolled, if somebody wants to know.
pub(super) async fn write_enrolled(
    batch: &Batch,
    device: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    if batch.together(vec![somebody_listens()]).await? == [0] {
        return Ok(());
    }
    let about = about(batch, device).await?;
    insert_event(batch, EventKind::DeviceEnrolled, at, &about).await
}

async fn about(batch: &Batch, device: &str) -> Result<About, StoreError> {
    let query = "select name, array(select name from device_groups where device = devices.id order by name) \
                 as groups from devices where id = $1";
    let row = batch.row(query, &[&device]).await?;
    Ok(About {
        device: device.to_owned(),
        name: row.column("name")?,
        groups: row.column("groups")?,
        command: None,
        policy: None,
        policy_override: None,
    })
}

async fn command(batch: &Batch, device: &str, id: &str) -> Result<Command, StoreError> {
    let query = format!("select {COMMAND_COLUMNS} from commands where device = $1 and id = $2");
    rows::command(&batch.row(&query, &[&device, &id]).await?)
}

async fn policy(batch: &Batch, device: &str) -> Result<Option<Policy>, StoreError> {
    let query = "select policy from devices where id = $1";
    rows::optional_json(&batch.row(query, &[&device]).await?, "policy")
}

async fn insert_event(
    batch: &Batch,
    kind: EventKind,
    at: Timestamp,
    about: &About,
) -> Result<(), StoreError> {
    batch
        .write(
            "insert into webhook_events (id, kind, at, about) values ($1, $2, $3, $4)",
            &[
                &format!("msg_{}", Uuid::now_v7().simple()),
                &kind.word(),
                &signed(at),
                &rows::to_json(about)?,
            ],
        )
        .await?;
    batch.tell(|told| told.events = true);
    Ok(())
}

/// The statements that note an attempt, and forget the oldest.
fn insert_attempt(webhook: &str, attempt: Attempt) -> [Step; 2] {
    [
        Step::new(
            "insert into webhook_attempts (webhook, at, message, kind, result, status, error, next_try) \
             values ($1, $2, $3, $4, $5, $6, $7, $8)",
            values![
                webhook.to_owned(),
                signed(attempt.at),
                attempt.message,
                attempt.kind,
                attempt.result.word(),
                attempt.status.map(i32::from),
                attempt.error,
                optional_signed(attempt.next_try),
            ],
        ),
        Step::new(
            "delete from webhook_attempts where webhook = $1 and number <= \
             (select number from webhook_attempts where webhook = $1 \
             order by number desc limit 1 offset $2)",
            values![webhook.to_owned(), ATTEMPTS],
        ),
    ]
}

#[async_trait]
impl Webhooks for PostgresStore {
    async fn webhooks(&self) -> Result<Vec<Webhook>, StoreError> {
        let query = format!("select {WEBHOOK_COLUMNS} from webhooks order by id");
        let rows = self.reader().await?.rows(&query, &[]).await?;
        rows.iter().map(webhook).collect()
    }

    async fn webhook(&self, id: &str) -> Result<Option<Webhook>, StoreError> {
        let query = format!("select {WEBHOOK_COLUMNS} from webhooks where id = $1");
        let row = self.reader().await?.row_if_any(&query, &[&id]).await?;
        row.as_ref().map(webhook).transpose()
    }

    async fn add_webhook(&self, webhook: Webhook, audit: RequestRecord) -> Result<(), StoreError> {
        self.writer
            .run(move |batch| async move {
                let insert = format!(
                    "insert into webhooks (id, url, events, reach, secret, created_at, state, done) \
                     values ($1, $2, $3, $4, $5, $6, $7, {LATEST})"
                );
                batch
                    .write(
                        &insert,
                        &[
                            &webhook.id,
                            &webhook.url,
                            &rows::to_json(&webhook.events)?,
                            &rows::to_json(&webhook.reach)?,
                            &webhook.secret,
                            &signed(webhook.created_at),
                            &webhook.state.word(),
                        ],
                    )
                    .await?;
                batch.audit(audit).await
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
        self.writer
            .run(move |batch| async move {
                let update = format!(
                    "update webhooks set state = $1, done = {LATEST}, failures = 0, \
                     failing_since = null, next_try = 0 where id = $2 and state <> $1"
                );
                if batch.write(&update, &[&state.word(), &id]).await? == 1 {
                    batch.write(FORGET_EVENTS, &[]).await?;
                    batch.audit(audit).await?;
                    return Ok(true);
                }
                let exists = "select exists (select 1 from webhooks where id = $1)";
                let exists = batch.row(exists, &[&id]).await?.column(0)?;
                if let (true, Some(response)) = (exists, audit.response) {
                    batch.together(idempotency::insert(response).into()).await?;
                }
                Ok(exists)
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
        self.writer
            .run(move |batch| async move {
                let changed = batch
                    .write(
                        "update webhooks set former_secret = secret, former_secret_until = $1, \
                         secret = $2 where id = $3",
                        &[&signed(former_until), &secret, &id],
                    )
                    .await?;
                batch.audit_if_done(changed, audit).await
            })
            .await
    }

    async fn remove_webhook(&self, id: &str, audit: RequestRecord) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.writer
            .run(move |batch| async move {
                let removed = batch
                    .write("delete from webhooks where id = $1", &[&id])
                    .await?;
                batch.write(FORGET_EVENTS, &[]).await?;
                batch.audit_if_done(removed, audit).await
            })
            .await
    }

    async fn due_webhooks(&self, now: Timestamp) -> Result<Vec<String>, StoreError> {
        let query = format!(
            "select id from webhooks where state = 'active' and next_try <= $1 and done < {LATEST} \
             order by next_try"
        );
        let rows = self.reader().await?.rows(&query, &[&signed(now)]).await?;
        rows.iter().map(|row| Ok(row.column(0)?)).collect()
    }

    async fn events(&self, after: u64, most: u32) -> Result<Vec<Event>, StoreError> {
        let reader = self.reader().await?;
        let rows = reader
            .rows(
                "select number, id, kind, at, about from webhook_events where number > $1 \
                 order by number limit $2",
                &[&signed(after), &i64::from(most)],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Event {
                    number: number(row, "number")?,
                    id: row.column("id")?,
                    kind: rows::word(row, "kind")?,
                    at: number(row, "at")?,
                    about: rows::json(row, "about")?,
                })
            })
            .collect()
    }

    async fn note_attempt(
        &self,
        webhook: &str,
        attempt: Option<Attempt>,
        progress: Progress,
        state: WebhookState,
    ) -> Result<bool, StoreError> {
        let id = webhook.to_owned();
        self.writer
            .run(move |batch| async move {
                let noted = batch
                    .write(
                        "update webhooks set done = $1, failures = $2, failing_since = $3, next_try = $4, \
                         state = $5 where id = $6 and state = 'active' and done <= $1",
                        &[
                            &signed(progress.done),
                            &i64::from(progress.failures),
                            &optional_signed(progress.failing_since),
                            &signed(progress.next_try),
                            &state.word(),
                            &id,
                        ],
                    )
                    .await?;
                if noted == 0 {
                    return Ok(false);
                }
                let attempt = attempt.map(|attempt| insert_attempt(&id, attempt));
                let mut steps: Vec<Step> = attempt.into_iter().flatten().collect();
                steps.push(Step::new(FORGET_EVENTS, values![]));
                batch.together(steps).await?;
                Ok(true)
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
        self.writer
            .run(move |batch| async move {
                let found = batch
                    .write(
                        "update webhooks set next_try = coalesce($1, next_try) where id = $2",
                        &[&optional_signed(next_try), &id],
                    )
                    .await?;
                if found == 1 {
                    let response = response.map(idempotency::insert).into_iter().flatten();
                    let steps = response.chain(insert_attempt(&id, attempt)).collect();
                    batch.together(steps).await?;
                }
                Ok(())
            })
            .await
    }

    async fn attempts(&self, webhook: &str, most: u32) -> Result<Vec<Attempt>, StoreError> {
        let reader = self.reader().await?;
        let rows = reader
            .rows(
                "select at, message, kind, result, status, error, next_try from webhook_attempts \
                 where webhook = $1 order by number desc limit $2",
                &[&webhook, &i64::from(most)],
            )
            .await?;
        rows.iter()
            .map(|row| {
                let status: Option<i32> = row.column("status")?;
                Ok(Attempt {
                    at: number(row, "at")?,
                    message: row.column("message")?,
                    kind: row.column("kind")?,
                    result: rows::word(row, "result")?,
                    status: status.and_then(|status| u16::try_from(status).ok()),
                    error: row.column("error")?,
                    next_try: optional_number(row, "next_try")?,
                })
            })
            .collect()
    }
}

fn webhook(row: &Row) -> Result<Webhook, StoreError> {
    let former: Option<Vec<u8>> = row.column("former_secret")?;
    let until = optional_number(row, "former_secret_until")?;
    Ok(Webhook {
        id: row.column("id")?,
        url: row.column("url")?,
        events: rows::json(row, "events")?,
        reach: rows::json(row, "reach")?,
        secret: row.column("secret")?,
        former_secret: former.zip(until),
        created_at: number(row, "created_at")?,
        state: rows::word::<WebhookState>(row, "state")?,
        progress: Progress {
            done: number(row, "done")?,
            failures: number(row, "failures")?,
            failing_since: optional_number(row, "failing_since")?,
            next_try: number(row, "next_try")?,
        },
    })
}
