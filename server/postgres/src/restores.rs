//! Noticing a restore, and deciding about it, in PostgreSQL.

use super::{
    PostgresStore,
    connection::Ask as _,
    rows::{number, optional_number, signed},
};
use crate::rows::Columns as _;
use async_trait::async_trait;
use mdm_contract::words::CommandId;
use mdm_server_core::{
    audit::AuditEntry,
    store::{RestoreState, Restores, StoreError},
};

const END: &str = "update host set undecided_since = null where undecided_since is not null";

#[async_trait]
impl Restores for PostgresStore {
    async fn restore_state(&self) -> Result<RestoreState, StoreError> {
        let query = "select epoch, undecided_since, (select count(*) from outbox where is_held) as held from host";
        let row = self.reader().await?.row_if_any(query, &[]).await?;
        let Some(row) = row else {
            return Ok(RestoreState {
                epoch: 1,
                undecided_since: None,
                held: 0,
            });
        };
        Ok(RestoreState {
            epoch: number(&row, "epoch")?,
            undecided_since: optional_number(&row, "undecided_since")?,
            held: number(&row, "held")?,
        })
    }

    async fn begin_epoch(&self, from: u64, to: u64, entry: AuditEntry) -> Result<bool, StoreError> {
        self.writer
            .run(move |batch| async move {
                let begun = batch
                    .write(
                        "update host set epoch = $1, undecided_since = $2 where epoch = $3",
                        &[&signed(to), &signed(entry.at), &signed(from)],
                    )
                    .await?;
                if begun > 0 {
                    batch.write("update outbox set is_held = true", &[]).await?;
                }
                batch.audit_if_done(begun, entry.into()).await
            })
            .await
    }

    async fn held_commands(
        &self,
        after: Option<&CommandId>,
        most: u32,
    ) -> Result<Vec<(String, CommandId)>, StoreError> {
        let after = after.map_or("", String::as_str);
        let query = "select device, command from outbox where is_held and command > $1 order by command limit $2";
        let reader = self.reader().await?;
        let rows = reader.rows(query, &[&after, &i64::from(most)]).await?;
        rows.iter()
            .map(|row| Ok((row.column("device")?, row.column("command")?)))
            .collect()
    }

    async fn release_held(&self, entry: AuditEntry) -> Result<Vec<String>, StoreError> {
        self.writer
            .run(move |batch| async move {
                let query = "update outbox set is_held = false where is_held returning device";
                let rows = batch.rows(query, &[]).await?;
                let devices = rows.iter().map(|row| row.column("device"));
                let devices = devices.collect::<Result<Vec<String>, _>>()?;
                let ended = batch.write(END, &[]).await?;
                batch.tell(|told| told.devices.extend(devices.iter().cloned()));
                batch
                    .audit_if_done(ended + devices.len() as u64, entry.into())
                    .await?;
                Ok(devices)
            })
            .await
    }

    async fn end_restore(&self, entry: AuditEntry) -> Result<bool, StoreError> {
        self.writer
            .run(move |batch| async move {
                let held = "select 1 from outbox where is_held limit 1";
                if batch.row_if_any(held, &[]).await?.is_some() {
                    return Ok(false);
                }
                let ended = batch.write(END, &[]).await?;
                batch.audit_if_done(ended, entry.into()).await?;
                Ok(true)
            })
            .await
    }
}
