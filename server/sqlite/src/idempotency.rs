//! Stored responses of requests with an idempotency key, in SQLite.

use super::SqliteStore;
use crate::error::Error;
use async_trait::async_trait;
use mdm_contract::time::Timestamp;
use mdm_server_core::store::{EXPIRED_PER_INSERT, IdempotencyKeys, StoreError, StoredResponse};
use rusqlite::{Connection, OptionalExtension as _, params};

#[async_trait]
impl IdempotencyKeys for SqliteStore {
    async fn stored_response(
        &self,
        caller: &str,
        key: &str,
    ) -> Result<Option<StoredResponse>, StoreError> {
        self.look_up(|connection| {
            let mut query = connection.prepare_cached(
                "select request, response, created_at from idempotency_keys where caller = ? and key = ?",
            )?;
            let stored = query.query_row([caller, key], |row| {
                Ok(StoredResponse {
                    caller: caller.to_owned(),
                    key: key.to_owned(),
                    request: row.get(0)?,
                    response: row.get(1)?,
                    created_at: row.get(2)?,
                })
            });
            Ok(stored.optional()?)
        })
    }

    async fn store_response(&self, response: StoredResponse) -> Result<(), StoreError> {
        self.writer
            .run(move |connection| insert(connection, &response))
            .await
    }

    async fn delete_responses(&self, before: Timestamp, most: u32) -> Result<u64, StoreError> {
        self.writer
            .run(move |connection| delete(connection, before, most))
            .await
    }
}

fn delete(connection: &Connection, before: Timestamp, most: u32) -> Result<u64, Error> {
    let deleted = connection
        .prepare_cached(
            "delete from idempotency_keys where (caller, key) in (select caller, key from idempotency_keys \
             where created_at < ? order by created_at limit ?)",
        )?
        .execute(params![before, most])?;
    Ok(deleted as u64)
}

/// Stores a response, and deletes some that have expired. Errors if its key is taken.
pub(super) fn insert(connection: &Connection, response: &StoredResponse) -> Result<(), Error> {
    let expired_before = response.expired_before();
    delete(connection, expired_before, EXPIRED_PER_INSERT)?;
    let inserted = connection
        .prepare_cached(
            "insert into idempotency_keys (caller, key, request, response, created_at) values (?1, ?2, ?3, ?4, ?5) \
             on conflict (caller, key) do update set request = excluded.request, \
             response = excluded.response, created_at = excluded.created_at where created_at < ?6",
        )?
        .execute(params![
            response.caller,
            response.key,
            response.request,
            response.response,
            response.created_at,
            expired_before
        ])?;
    match inserted {
        0 => Err(StoreError::IdempotencyKeyTaken.into()),
        _ => Ok(()),
    }
}
