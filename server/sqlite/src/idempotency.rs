//! Stored responses in SQLite, written in the transaction of the request's changes.

use crate::error::Error;
use mdm_server_core::store::{
    EXPIRED_PER_INSERT, StoreError, StoredResponse, sql::DELETE_RESPONSES,
};
use rusqlite::{Connection, params};

/// Stores a response, and deletes some that have expired. Errors if its key is taken.
pub(super) fn insert(connection: &Connection, response: &StoredResponse) -> Result<(), Error> {
    let expired_before = response.expired_before();
    connection
        .prepare_cached(DELETE_RESPONSES)?
        .execute(params![expired_before, EXPIRED_PER_INSERT])?;
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
