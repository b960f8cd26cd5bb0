//! The audit trail in SQLite: only the writer's thread adds to it, so each line knows the one before.

use super::{SqliteStore, rows};
use crate::{
    audit::{AuditEntry, AuditLine, Chain},
    store::{AuditTrail, StoreError},
};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, params};

/// Adds a line to the chain.
pub(super) fn write(connection: &Connection, entry: &AuditEntry) -> Result<(), StoreError> {
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
    } = last.next(entry.clone());
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

/// Up to `most` lines after this one, oldest first, and the number of the last that was ever written.
pub(super) fn lines(
    connection: &Connection,
    after: u64,
    most: u32,
) -> Result<(Vec<AuditLine>, u64), StoreError> {
    let transaction = connection.unchecked_transaction()?;
    let mut query = transaction.prepare_cached(
        "select number, at, actor, address, action, device, command, detail, plugin, digest from audit \
         where number > ? order by number limit ?",
    )?;
    let lines = query.query_map(params![after, most], |row| {
        Ok(AuditLine {
            number: row.get("number")?,
            entry: rows::audit_entry(row)?,
            digest: row.get("digest")?,
        })
    })?;
    let lines = lines.collect::<Result<_, _>>()?;
    let written = transaction
        .prepare_cached("select seq from sqlite_sequence where name = 'audit'")?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok((lines, written.unwrap_or(0)))
}

#[async_trait]
impl AuditTrail for SqliteStore {
    async fn audit(&self, device: Option<&str>, most: u32) -> Result<Vec<AuditEntry>, StoreError> {
        let device = device.map(str::to_owned);
        self.read(move |connection| {
            let mut query = connection.prepare_cached(
                "select at, actor, address, action, device, command, detail, plugin from audit \
                 where device is ? order by number desc limit ?",
            )?;
            let entries = query.query_map(params![device, most], rows::audit_entry)?;
            Ok(entries.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn audit_lines(
        &self,
        after: u64,
        most: u32,
    ) -> Result<(Vec<AuditLine>, u64), StoreError> {
        self.read(move |connection| lines(connection, after, most))
            .await
    }
}
