//! The audit trail in PostgreSQL: only one transaction at a time adds to it, so each line knows the one before.

use super::{
    connection::{Executor, Step, values},
    rows::{self, number, to_i64},
};
use mdm_server_core::{
    audit::{AuditLine, Chain},
    store::StoreError,
};

/// The end of the trail.
pub(super) async fn end(client: &impl Executor) -> Result<Chain, StoreError> {
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
            to_i64(number),
            to_i64(entry.at),
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
