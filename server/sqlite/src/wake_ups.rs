//! The schedule of repeated wake-ups in SQLite.

use super::SqliteStore;
use crate::error::Error;
use async_trait::async_trait;
use mdm_contract::time::Timestamp;
use mdm_server_core::store::{FIRST_PAUSE, MAX_BACKOFF, StoreError, WakeUps};
use rusqlite::{Connection, params};

#[async_trait]
impl WakeUps for SqliteStore {
    async fn claim_wake_ups(&self, now: Timestamp, limit: u32) -> Result<Vec<String>, StoreError> {
        // No other process claims from this file, so a read avoids most writes.
        if !self
            .read(move |connection| is_any_due(connection, now))
            .await?
        {
            return Ok(Vec::new());
        }
        self.writer
            .run(move |connection| claim(connection, now, limit))
            .await
    }
}

// Two searches of the index: one with an `or` would go through all that is pending.
const DUE: &str = "select command from outbox where sealed is not null and wake_at <= ?1 \
    union all select command from outbox where sealed is not null and wake_at > ?1 + ?2";

fn is_any_due(connection: &Connection, now: Timestamp) -> Result<bool, Error> {
    let mut query = connection.prepare_cached(DUE)?;
    Ok(query.exists(params![now, MAX_BACKOFF])?)
}

fn claim(connection: &Connection, now: Timestamp, limit: u32) -> Result<Vec<String>, Error> {
    let query = format!(
        "update outbox set wake_at = ?1 + max(?3, min(?2, ?1 - \
         (select requested_at from commands where id = outbox.command))) \
         where command in ({DUE} limit ?4) returning device"
    );
    let mut query = connection.prepare_cached(&query)?;
    let claim = params![now, MAX_BACKOFF, FIRST_PAUSE, limit];
    let devices = query.query_map(claim, |row| row.get(0))?;
    Ok(devices.collect::<Result<_, _>>()?)
}
