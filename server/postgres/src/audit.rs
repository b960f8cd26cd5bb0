//! The audit trail in PostgreSQL: only one transaction at a time adds to it, so each line knows the one before.

use super::{
    PostgresStore,
    connection::{Ask, Step, Value, values},
    rows::{self, number, signed},
};
use async_trait::async_trait;
use mdm_server_core::{
    audit::{AuditEntry, AuditLine, Chain},
    store::{AuditFilter, AuditTrail, RequestRecord, StoreError},
};
use tokio_postgres::{Row, types::ToSql};

const COLUMNS: &str = "number, at, actor, address, action, device, command, detail, plugin, digest";

/// How far the trail is.
pub(super) async fn end(client: &impl Ask) -> Result<Chain, StoreError> {
    let last = "select number, digest from audit order by number desc limit 1";
    match client.row_if_any(last, &[]).await? {
        None => Ok(Chain::default()),
        Some(row) => Ok(Chain {
            number: number(&row, "number")?,
            digest: rows::bytes(&row, "digest")?,
        }),
    }
}

/// The statement that writes a line.
pub(super) fn insert(line: AuditLine) -> Step {
    let AuditLine {
        number,
        entry,
        digest,
    } = line;
    Step::new(
        "insert into audit (number, at, actor, address, action, device, command, detail, plugin, digest) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        values![
            signed(number),
            signed(entry.at),
            entry.actor,
            entry.address,
            entry.action,
            entry.device,
            entry.command,
            entry.detail,
            entry.plugin,
            digest.to_vec(),
        ],
    )
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
        values.push(value);
        let place = format!("${}", values.len());
        sql.push_str(" and ");
        sql.push_str(&condition.replace('?', &place));
    };
    if let Some(device) = device {
        add("device = ?", Box::new(device.clone()));
    }
    if let Some(actor) = actor {
        add("actor = ?", Box::new(actor.clone()));
    }
    if !actions.is_empty() {
        add("action = any(?)", Box::new(actions.clone()));
    }
    if let Some(text) = text {
        let is_in = "position(? in lower(concat_ws(' ', detail, command, address))) > 0";
        add(is_in, Box::new(text.to_lowercase()));
    }
    if let Some(from) = from {
        add("at >= ?", Box::new(signed(*from)));
    }
    if let Some(until) = until {
        add("at < ?", Box::new(signed(*until)));
    }
    if let Some(before) = before {
        add("number < ?", Box::new(signed(before)));
    }
    (sql, values)
}

fn line(row: &Row) -> Result<AuditLine, StoreError> {
    Ok(AuditLine {
        number: number(row, "number")?,
        entry: rows::audit_entry(row)?,
        digest: rows::bytes(row, "digest")?,
    })
}

#[async_trait]
impl AuditTrail for PostgresStore {
    async fn append_audit(&self, entries: Vec<AuditEntry>) -> Result<(), StoreError> {
        self.writer
            .run(move |batch| async move {
                let records = entries.into_iter().map(RequestRecord::from);
                let lines = records.flat_map(|record| batch.record(record)).collect();
                batch.together(lines).await?;
                Ok(())
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
        values.push(Box::new(i64::from(most)));
        let query = format!(
            "select {COLUMNS} from audit where {conditions} order by number desc limit ${}",
            values.len()
        );
        let values: Vec<_> = values
            .iter()
            .map(|value| &**value as &(dyn ToSql + Sync))
            .collect();
        let rows = self.reader().await?.rows(&query, &values).await?;
        rows.iter().map(line).collect()
    }

    async fn audit_lines(
        &self,
        after: u64,
        most: u32,
    ) -> Result<(Vec<AuditLine>, u64), StoreError> {
        let query =
            format!("select {COLUMNS} from audit where number > $1 order by number limit $2");
        let reader = self.reader().await?;
        // The end is read first: a line that is written in between is no sign that some were cut off.
        let end = reader.row("select number from audit_end", &[]).await?;
        let rows = reader
            .rows(&query, &[&signed(after), &i64::from(most)])
            .await?;
        let lines = rows.iter().map(line).collect::<Result<_, _>>()?;
        Ok((lines, number(&end, "number")?))
    }
}
