//! Reads of the audit trail in SQL. Each store has its own statements for writes.

use super::{Conditions, Engine, Row};
use crate::{
    audit::{AuditEntry, AuditLine},
    store::{AuditFilter, AuditTrail, RequestRecord, StoreError},
};
use async_trait::async_trait;

const COLUMNS: &str = "number, at, actor, address, action, device, command, detail, plugin, digest";

#[async_trait]
impl<E: Engine> AuditTrail for E {
    async fn append_audit(&self, entries: Vec<AuditEntry>) -> Result<(), StoreError> {
        let records = entries.into_iter().map(RequestRecord::from).collect();
        self.write(move |tx| Box::pin(async move { tx.write_records(records).await }))
            .await
    }

    async fn audit(
        &self,
        filter: &AuditFilter,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<AuditLine>, StoreError> {
        let mut fit = Conditions::new(E::DIALECT);
        add(&mut fit, filter);
        if let Some(before) = before {
            fit.and_with("number < ?", before);
        }
        let limit = fit.place(limit);
        let sql = format!(
            "select {COLUMNS} from audit where {} order by number desc limit {limit}",
            fit.text()
        );
        let rows = self.query(&sql, fit.values()).await?;
        rows.iter().map(line).collect()
    }

    async fn audit_lines(
        &self,
        after: u64,
        limit: u32,
    ) -> Result<(Vec<AuditLine>, u64), StoreError> {
        // The end is read first, so that a line written in between does not look like a cut tail.
        let end = E::DIALECT.choose(
            "select seq as number from sqlite_sequence where name = 'audit'",
            "select number from audit_end",
        );
        let end = self.query(end, &[]).await?;
        let end = end.first().map(|row| row.get("number")).transpose()?;
        let sql = format!("select {COLUMNS} from audit where number > $1 order by number limit $2");
        let rows = self.query(&sql, &[after.into(), limit.into()]).await?;
        let lines = rows.iter().map(line).collect::<Result<_, _>>()?;
        Ok((lines, end.unwrap_or(0)))
    }
}

fn add(fit: &mut Conditions, filter: &AuditFilter) {
    let AuditFilter {
        device,
        actor,
        actions,
        text,
        from,
        until,
    } = filter;
    if let Some(device) = device {
        fit.and_with("device = ?", device);
    }
    if let Some(actor) = actor {
        fit.and_with("actor = ?", actor);
    }
    if !actions.is_empty() {
        fit.and_is_in("action", actions.clone());
    }
    if let Some(text) = text {
        fit.and_contains("lower(concat_ws(' ', detail, command, address))", text);
    }
    if let Some(from) = from {
        fit.and_with("at >= ?", *from);
    }
    if let Some(until) = until {
        fit.and_with("at < ?", *until);
    }
}

fn line(row: &Row) -> Result<AuditLine, StoreError> {
    Ok(AuditLine {
        number: row.get("number")?,
        entry: AuditEntry {
            at: row.get("at")?,
            actor: row.get("actor")?,
            address: row.get("address")?,
            action: row.get("action")?,
            device: row.get("device")?,
            command: row.get("command")?,
            detail: row.get("detail")?,
            plugin: row.get("plugin")?,
        },
        digest: row.get("digest")?,
    })
}
