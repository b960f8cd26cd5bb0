//! The audit trail in SQLite: only the writer's thread adds to it, so each line knows the one before.

use super::idempotency;
use crate::error::Error;
use mdm_server_core::{
    audit::{AuditLine, Chain},
    store::RequestRecord,
};
use rusqlite::{Connection, OptionalExtension as _, params};

/// Adds a line to the chain, and stores the response of a request with an idempotency key.
pub(super) fn write(connection: &Connection, record: &RequestRecord) -> Result<(), Error> {
    if let Some(response) = &record.response {
        idempotency::insert(connection, response)?;
    }
    let last = connection
        .prepare_cached("select number, digest from audit order by number desc limit 1")?
        .query_row([], |row| {
            Ok(Chain {
                number: row.get(0)?,
                digest: row.get(1)?,
            })
        })
        .optional()?
        .unwrap_or_default();
    let AuditLine {
        number,
        entry,
        digest,
    } = last.next(record.entry.clone());
    connection
        .prepare_cached(
            "insert into audit (number, at, actor, address, action, device, command, detail, plugin, digest) \
             values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            number,
            entry.at,
            entry.actor,
            entry.address,
            entry.action,
            entry.device,
            entry.command,
            entry.detail,
            entry.plugin,
            digest,
        ])?;
    Ok(())
}
