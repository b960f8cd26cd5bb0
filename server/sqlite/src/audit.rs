//! The audit trail in SQLite: only the writer's thread adds to it, so each line knows the one before.

use super::{SqliteStore, idempotency, rows};
use crate::error::Error;
use async_trait::async_trait;
use mdm_server_core::{
    audit::{AuditEntry, AuditLine, Chain},
    store::{AuditFilter, AuditTrail, RequestRecord, StoreError},
};
use rusqlite::{Connection, OptionalExtension as _, Row, params, params_from_iter, types::Value};

const COLUMNS: &str = "number, at, actor, address, action, device, command, detail, plugin, digest";

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

/// Adds a line if rows were changed: something was done then.
pub(super) fn write_if_done(
    connection: &Connection,
    rows: usize,
    record: &RequestRecord,
) -> Result<bool, Error> {
    if rows > 0 {
        write(connection, record)?;
    }
    Ok(rows > 0)
}

/// Up to `most` lines after this one, oldest first, and the number of the last that was ever written.
pub(super) fn lines(
    connection: &Connection,
    after: u64,
    most: u32,
) -> Result<(Vec<AuditLine>, u64), Error> {
    let transaction = connection.unchecked_transaction()?;
    let mut query = transaction.prepare_cached(&format!(
        "select {COLUMNS} from audit where number > ? order by number limit ?"
    ))?;
    let lines = query.query_map(params![after, most], line)?;
    let lines = lines.collect::<Result<_, _>>()?;
    let written = transaction
        .prepare_cached("select seq from sqlite_sequence where name = 'audit'")?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok((lines, written.unwrap_or(0)))
}

/// A condition with the value of each of its places.
fn conditions(filter: &AuditFilter, before: Option<u64>) -> (String, Vec<Value>) {
    let AuditFilter {
        device,
        actor,
        actions,
        text,
        from,
        until,
    } = filter;
    let (mut sql, mut values) = (String::from("true"), Vec::new());
    let mut add = |condition: &str, value: Value| {
        sql.push_str(" and ");
        sql.push_str(condition);
        values.push(value);
    };
    if let Some(device) = device {
        add("device = ?", device.clone().into());
    }
    if let Some(actor) = actor {
        add("actor = ?", actor.clone().into());
    }
    if !actions.is_empty() {
        let actions = serde_json::Value::from(actions.clone());
        let is_one = "action in (select value from json_each(?))";
        add(is_one, actions.to_string().into());
    }
    if let Some(text) = text {
        let is_in = "instr(lower(concat_ws(' ', detail, command, address)), ?) > 0";
        add(is_in, text.to_lowercase().into());
    }
    // Numbers and times of this calendar are far below the largest integer.
    let integer = |number: u64| Value::Integer(i64::try_from(number).unwrap_or(i64::MAX));
    if let Some(from) = from {
        add("at >= ?", integer(*from));
    }
    if let Some(until) = until {
        add("at < ?", integer(*until));
    }
    if let Some(before) = before {
        add("number < ?", integer(before));
    }
    (sql, values)
}

fn line(row: &Row<'_>) -> rusqlite::Result<AuditLine> {
    Ok(AuditLine {
        number: row.get("number")?,
        entry: rows::audit_entry(row)?,
        digest: row.get("digest")?,
    })
}

#[async_trait]
impl AuditTrail for SqliteStore {
    async fn append_audit(&self, entries: Vec<AuditEntry>) -> Result<(), StoreError> {
        self.writer
            .run(move |connection| {
                let mut records = entries.into_iter().map(RequestRecord::from);
                records.try_for_each(|record| write(connection, &record))
            })
            .await
    }

    async fn audit(
        &self,
        filter: &AuditFilter,
        before: Option<u64>,
        most: u32,
    ) -> Result<Vec<AuditLine>, StoreError> {
        let (conditions, mut values) = conditions(filter, before);
        values.push(i64::from(most).into());
        self.read(move |connection| {
            let mut query = connection.prepare_cached(&format!(
                "select {COLUMNS} from audit where {conditions} order by number desc limit ?"
            ))?;
            let lines = query.query_map(params_from_iter(values), line)?;
            Ok(lines.collect::<Result<_, _>>()?)
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
