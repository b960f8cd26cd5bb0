//! Webhooks and events in SQLite.

use super::{
    SqliteStore, audit, idempotency,
    rows::{self, COMMAND_COLUMNS},
};
use crate::error::Error;
use async_trait::async_trait;
use mdm_contract::{decisions::Command, time::Timestamp};
use mdm_server_core::{
    change::Change,
    event::{About, Event, EventKind},
    store::{
        Attempt, Progress, RequestRecord, StoreError, StoredResponse, Webhook, WebhookState,
        Webhooks,
    },
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use uuid::Uuid;

const WEBHOOK_COLUMNS: &str = "id, url, events, reach, secret, former_secret, former_secret_until, \
    created_at, state, done, failures, failing_since, next_try";

/// How many attempts of a webhook are kept.
const ATTEMPTS: u32 = 100;

/// The number of the latest event that ever was.
const LATEST: &str = "coalesce((select seq from sqlite_sequence where name = 'webhook_events'), 0)";

/// Writes an event for each change that somebody wants to know of. The changes are made already.
pub(super) fn write_events(
    connection: &Connection,
    device: &str,
    at: Timestamp,
    changes: &[Change],
) -> Result<(), Error> {
    let mut is_wanted = None;
    for change in changes {
        let Some(kind) = EventKind::of(change) else {
            continue;
        };
        let is_wanted = match is_wanted {
            Some(known) => known,
            None => *is_wanted.insert(somebody_listens(connection)?),
        };
        if !is_wanted {
            return Ok(());
        }
        let mut about = about(connection, device)?;
        match change {
            Change::Send { command, .. } => about.command = Some(command.clone()),
            Change::Settle { command, .. } | Change::KeepLateOutcome { command, .. } => {
                about.command = Some(self::command(connection, device, command)?);
            }
            Change::SetPolicyOverride(policy_override) => {
                about.policy = policy(connection, device)?;
                about.policy_override = policy_override.clone();
            }
            _ => {}
        }
        insert_event(connection, kind, at, &about)?;
    }
    Ok(())
}

/// Writes that a device enrolled, if somebody wants to know.
pub(super) fn write_enrolled(
    connection: &Connection,
    device: &str,
    at: Timestamp,
) -> Result<(), Error> {
    match somebody_listens(connection)? {
        true => insert_event(
            connection,
            EventKind::DeviceEnrolled,
            at,
            &about(connection, device)?,
        ),
        false => Ok(()),
    }
}

fn somebody_listens(connection: &Connection) -> Result<bool, Error> {
    let mut query = connection
        .prepare_cached("select exists (select 1 from webhooks where state = 'active')")?;
    Ok(query.query_row([], |row| row.get(0))?)
}

fn about(connection: &Connection, device: &str) -> Result<About, Error> {
    let mut query = connection.prepare_cached(
        "select name, (select json_group_array(name) from device_groups where device = devices.id) \
         as groups from devices where id = ?",
    )?;
    let about = query.query_row([device], |row| {
        Ok(About {
            device: device.to_owned(),
            name: row.get("name")?,
            groups: rows::json(row, "groups")?,
            command: None,
            policy: None,
            policy_override: None,
        })
    });
    Ok(about?)
}

fn command(connection: &Connection, device: &str, id: &str) -> Result<Command, Error> {
    let query = format!("select {COMMAND_COLUMNS} from commands where device = ? and id = ?");
    let mut query = connection.prepare_cached(&query)?;
    Ok(query.query_row([device, id], rows::command)?)
}

fn policy(
    connection: &Connection,
    device: &str,
) -> Result<Option<mdm_contract::words::Policy>, Error> {
    let mut query = connection.prepare_cached("select policy from devices where id = ?")?;
    Ok(query.query_row([device], |row| rows::optional_json(row, "policy"))?)
}

fn insert_event(
    connection: &Connection,
    kind: EventKind,
    at: Timestamp,
    about: &About,
) -> Result<(), Error> {
    connection
        .prepare_cached("insert into webhook_events (id, kind, at, about) values (?, ?, ?, ?)")?
        .execute(params![
            format!("msg_{}", Uuid::now_v7().simple()),
            kind.word(),
            at,
            rows::to_json(about)?
        ])?;
    Ok(())
}

fn insert_attempt(connection: &Connection, webhook: &str, attempt: &Attempt) -> Result<(), Error> {
    connection
        .prepare_cached(
            "insert into webhook_attempts (webhook, at, message, kind, result, status, error, next_try) \
             values (?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            webhook,
            attempt.at,
            attempt.message,
            attempt.kind,
            attempt.result.word(),
            attempt.status,
            attempt.error,
            attempt.next_try
        ])?;
    connection
        .prepare_cached(
            "delete from webhook_attempts where webhook = ?1 and number <= \
             (select number from webhook_attempts where webhook = ?1 \
             order by number desc limit 1 offset ?2)",
        )?
        .execute(params![webhook, ATTEMPTS])?;
    Ok(())
}

/// A paused webhook misses what happens meanwhile, so only active ones count. Everybody waits for whoever writes, so
/// of very many events the rest goes with the next attempts.
fn forget_events(connection: &Connection) -> Result<(), Error> {
    connection
        .prepare_cached(
            "delete from webhook_events where number in (select number from webhook_events \
             where number <= (select coalesce(min(done), 9223372036854775807) from webhooks where state = 'active') \
             order by number limit 10000)",
        )?
        .execute([])?;
    Ok(())
}

#[async_trait]
impl Webhooks for SqliteStore {
    async fn webhooks(&self) -> Result<Vec<Webhook>, StoreError> {
        self.read(|connection| {
            let query = format!("select {WEBHOOK_COLUMNS} from webhooks order by id");
            let mut query = connection.prepare_cached(&query)?;
            let webhooks = query.query_map([], webhook)?;
            Ok(webhooks.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn webhook(&self, id: &str) -> Result<Option<Webhook>, StoreError> {
        let id = id.to_owned();
        self.read(move |connection| {
            let query = format!("select {WEBHOOK_COLUMNS} from webhooks where id = ?");
            let mut query = connection.prepare_cached(&query)?;
            Ok(query.query_row([id], webhook).optional()?)
        })
        .await
    }

    async fn add_webhook(&self, webhook: Webhook, audit: RequestRecord) -> Result<(), StoreError> {
        self.writer
            .run(move |connection| {
                let insert = format!(
                    "insert into webhooks (id, url, events, reach, secret, created_at, state, done) \
                     values (?, ?, ?, ?, ?, ?, ?, {LATEST})"
                );
                connection.execute(
                    &insert,
                    params![
                        webhook.id,
                        webhook.url,
                        rows::to_json(&webhook.events)?,
                        rows::to_json(&webhook.reach)?,
                        webhook.secret,
                        webhook.created_at,
                        webhook.state.word(),
                    ],
                )?;
                audit::write(connection, &audit)
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
            .run(move |connection| {
                let update = format!(
                    "update webhooks set state = ?1, done = {LATEST}, failures = 0, \
                     failing_since = null, next_try = 0 where id = ?2 and state is not ?1"
                );
                if connection.execute(&update, params![state.word(), id])? == 1 {
                    forget_events(connection)?;
                    audit::write(connection, &audit)?;
                    return Ok(true);
                }
                let exists = "select exists (select 1 from webhooks where id = ?)";
                let exists = connection.query_row(exists, [id], |row| row.get(0))?;
                if let (true, Some(response)) = (exists, &audit.response) {
                    idempotency::insert(connection, response)?;
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
            .run(move |connection| {
                let changed = connection.execute(
                    "update webhooks set former_secret = secret, former_secret_until = ?, secret = ? \
                     where id = ?",
                    params![former_until, secret, id],
                )?;
                audit::write_if_done(connection, changed, &audit)
            })
            .await
    }

    async fn remove_webhook(&self, id: &str, audit: RequestRecord) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.writer
            .run(move |connection| {
                let removed = connection.execute("delete from webhooks where id = ?", [id])?;
                forget_events(connection)?;
                audit::write_if_done(connection, removed, &audit)
            })
            .await
    }

    async fn due_webhooks(&self, now: Timestamp) -> Result<Vec<String>, StoreError> {
        self.read(move |connection| {
            let query = format!(
                "select id from webhooks where state = 'active' and next_try <= ? and done < {LATEST} \
                 order by next_try"
            );
            let mut query = connection.prepare_cached(&query)?;
            let due = query.query_map([now], |row| row.get(0))?;
            Ok(due.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn events(&self, after: u64, most: u32) -> Result<Vec<Event>, StoreError> {
        self.read(move |connection| {
            let mut query = connection.prepare_cached(
                "select number, id, kind, at, about from webhook_events where number > ? \
                 order by number limit ?",
            )?;
            let events = query.query_map(params![after, most], |row| {
                Ok(Event {
                    number: row.get("number")?,
                    id: row.get("id")?,
                    kind: rows::word(row, "kind")?,
                    at: row.get("at")?,
                    about: rows::json(row, "about")?,
                })
            })?;
            Ok(events.collect::<Result<_, _>>()?)
        })
        .await
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
            .run(move |connection| {
                let noted = connection
                    .prepare_cached(
                        "update webhooks set done = ?, failures = ?, failing_since = ?, next_try = ?, \
                         state = ? where id = ? and state = 'active' and done <= ?1",
                    )?
                    .execute(params![
                        progress.done,
                        progress.failures,
                        progress.failing_since,
                        progress.next_try,
                        state.word(),
                        id
                    ])?;
                if noted == 0 {
                    return Ok(false);
                }
                if let Some(attempt) = &attempt {
                    insert_attempt(connection, &id, attempt)?;
                }
                forget_events(connection)?;
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
            .run(move |connection| {
                let found = connection.execute(
                    "update webhooks set next_try = coalesce(?, next_try) where id = ?",
                    params![next_try, id],
                )?;
                if found == 0 {
                    return Ok(());
                }
                if let Some(response) = &response {
                    idempotency::insert(connection, response)?;
                }
                insert_attempt(connection, &id, &attempt)
            })
            .await
    }

    async fn attempts(&self, webhook: &str, most: u32) -> Result<Vec<Attempt>, StoreError> {
        let id = webhook.to_owned();
        self.read(move |connection| {
            let mut query = connection.prepare_cached(
                "select at, message, kind, result, status, error, next_try from webhook_attempts \
                 where webhook = ? order by number desc limit ?",
            )?;
            let attempts = query.query_map(params![id, most], |row| {
                Ok(Attempt {
                    at: row.get("at")?,
                    message: row.get("message")?,
                    kind: row.get("kind")?,
                    result: rows::word(row, "result")?,
                    status: row.get("status")?,
                    error: row.get("error")?,
                    next_try: row.get("next_try")?,
                })
            })?;
            Ok(attempts.collect::<Result<_, _>>()?)
        })
        .await
    }
}

fn webhook(row: &Row<'_>) -> rusqlite::Result<Webhook> {
    let former: Option<Vec<u8>> = row.get("former_secret")?;
    let until: Option<Timestamp> = row.get("former_secret_until")?;
    Ok(Webhook {
        id: row.get("id")?,
        url: row.get("url")?,
        events: rows::json(row, "events")?,
        reach: rows::json(row, "reach")?,
        secret: row.get("secret")?,
        former_secret: former.zip(until),
        created_at: row.get("created_at")?,
        state: rows::word::<WebhookState>(row, "state")?,
        progress: Progress {
            done: row.get("done")?,
            failures: row.get("failures")?,
            failing_since: row.get("failing_since")?,
            next_try: row.get("next_try")?,
        },
    })
}
