//! Calls that name themselves by a key, in SQLite.

use super::SqliteStore;
use crate::store::{Begun, Idempotency, KeyTimes, KeyedCall, StoreError};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, params};

#[async_trait]
impl Idempotency for SqliteStore {
    async fn begin_call(&self, call: KeyedCall, times: KeyTimes) -> Result<Begun, StoreError> {
        self.writer
            .run(move |connection| begin(connection, &call, times))
            .await
    }

    async fn end_call(&self, call: KeyedCall, answer: Option<Vec<u8>>) -> Result<(), StoreError> {
        self.writer
            .run(move |connection| {
                let which = params![call.caller, call.key, call.began_at, answer];
                let end = match answer {
                    Some(_) => {
                        "update keyed_calls set answer = ?4 \
                         where caller = ?1 and key = ?2 and began_at = ?3"
                    }
                    None => {
                        "delete from keyed_calls \
                         where caller = ?1 and key = ?2 and began_at = ?3 and ?4 is null"
                    }
                };
                connection.prepare_cached(end)?.execute(which)?;
                Ok(())
            })
            .await
    }
}

fn begin(connection: &Connection, call: &KeyedCall, times: KeyTimes) -> Result<Begun, StoreError> {
    connection
        .prepare_cached("delete from keyed_calls where began_at < ?")?
        .execute([times.kept_since])?;
    let known = connection
        .prepare_cached(
            "select request, answer, began_at < ? from keyed_calls where caller = ? and key = ?",
        )?
        .query_row(
            params![times.in_progress_since, call.caller, call.key],
            |row| {
                let request: [u8; 32] = row.get(0)?;
                let answer: Option<Vec<u8>> = row.get(1)?;
                Ok((request, answer, row.get(2)?))
            },
        )
        .optional()?;
    match known {
        Some((request, ..)) if request != call.request => return Ok(Begun::OtherRequest),
        Some((_, Some(answer), _)) => return Ok(Begun::Answered(answer)),
        Some((_, None, false)) => return Ok(Begun::InProgress),
        Some((_, None, true)) | None => {}
    }
    connection
        .prepare_cached(
            "insert or replace into keyed_calls (caller, key, request, began_at) \
             values (?, ?, ?, ?)",
        )?
        .execute(params![call.caller, call.key, call.request, call.began_at])?;
    Ok(Begun::Now)
}
