//! Devices and their commands in PostgreSQL.

use super::{
    PostgresStore, commit,
    connection::Executor as _,
    rows::{self, SNAPSHOTS, number, optional_number, to_i64, to_optional_i64},
};
use crate::rows::Columns as _;
use async_trait::async_trait;
use mdm_contract::{Command, time::Timestamp};
use mdm_server_core::store::{
    Commit, Delivery, Devices, Overdue, PendingCommands, Snapshot, StoreError, sql::COMMAND_COLUMNS,
};

#[async_trait]
impl Devices for PostgresStore {
    async fn snapshot(&self, device: &str) -> Result<Option<Snapshot>, StoreError> {
        let query = format!("{SNAPSHOTS} where d.id = $1");
        let row = self.reader().await?.row_if_any(&query, &[&device]).await?;
        row.as_ref().map(rows::snapshot).transpose()
    }

    async fn snapshot_with_outbox(
        &self,
        device: &str,
    ) -> Result<Option<(Snapshot, Vec<Delivery>)>, StoreError> {
        let Some(snapshot) = self.snapshot(device).await? else {
            return Ok(None);
        };
        // Only what is pending waits in the outbox.
        let outbox = match snapshot.pending {
            Some(_) => self.outbox(device).await?,
            None => Vec::new(),
        };
        Ok(Some((snapshot, outbox)))
    }

    async fn command(&self, device: &str, id: &str) -> Result<Option<Command>, StoreError> {
        let query = format!("select {COMMAND_COLUMNS} from commands where device = $1 and id = $2");
        let reader = self.reader().await?;
        let row = reader.row_if_any(&query, &[&device, &id]).await?;
        row.as_ref().map(rows::command).transpose()
    }

    async fn history(&self, device: &str, limit: u32) -> Result<Vec<Command>, StoreError> {
        let query = format!(
            "select {COMMAND_COLUMNS} from commands where device = $1 order by id desc limit $2"
        );
        let reader = self.reader().await?;
        let rows = reader.rows(&query, &[&device, &i64::from(limit)]).await?;
        rows.iter().map(rows::command).collect()
    }

    async fn outbox(&self, device: &str) -> Result<Vec<Delivery>, StoreError> {
        let query = format!(
            "select {COMMAND_COLUMNS}, sealed, is_held from outbox join commands on commands.id = outbox.command \
             where outbox.device = $1 order by outbox.command"
        );
        let rows = self.reader().await?.rows(&query, &[&device]).await?;
        rows.iter().map(rows::delivery).collect()
    }

    async fn pending_commands(&self) -> Result<PendingCommands, StoreError> {
        let reader = self.reader().await?;
        // Ids begin with the time, so the first is the oldest.
        let query = "select (select count(*) from outbox), \
                     (select requested_at from commands where id = (select min(command) from outbox)) as oldest";
        let row = reader.row(query, &[]).await?;
        Ok(PendingCommands {
            number: row.column(0)?,
            oldest: optional_number(&row, "oldest")?,
        })
    }

    async fn overdue(
        &self,
        now: Timestamp,
        after: Option<&Overdue>,
        limit: u32,
    ) -> Result<Vec<Overdue>, StoreError> {
        let since = to_optional_i64(after.map(|it| it.expires_at)).unwrap_or(0);
        let id = after.map_or("", |it| &it.command);
        let reader = self.reader().await?;
        let rows = reader
            .rows(
                "select device, id, expires_at from commands \
                 where is_pending and expires_at <= $1 and (expires_at, id) > ($2, $3) \
                 order by expires_at, id limit $4",
                &[&to_i64(now), &since, &id, &i64::from(limit)],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Overdue {
                    device: row.column("device")?,
                    command: row.column("id")?,
                    expires_at: number(row, "expires_at")?,
                })
            })
            .collect()
    }

    async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        self.writer
            .run(|batch| async move { commit::commit(&batch, commit).await })
            .await
    }
}
