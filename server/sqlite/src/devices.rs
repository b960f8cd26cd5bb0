//! Devices and their commands in SQLite.

use super::{
    SqliteStore, commit,
    rows::{self, DEVICE_COLUMNS},
};
use crate::error::Error;
use async_trait::async_trait;
use mdm_contract::{Command, CommandId, time::Timestamp};
use mdm_server_core::store::{
    Commit, Delivery, Devices, Overdue, PendingCommands, Snapshot, StoreError, sql::COMMAND_COLUMNS,
};
use rusqlite::{Connection, OptionalExtension as _, params};

fn snapshot(connection: &Connection, device: &str) -> Result<Option<Snapshot>, Error> {
    let query = format!("select {DEVICE_COLUMNS} from devices where id = ?");
    let device = connection
        .prepare_cached(&query)?
        .query_row([device], rows::device)
        .optional()?;
    Ok(device
        .map(|device| rows::with_commands(connection, device))
        .transpose()?)
}

fn outbox(connection: &Connection, device: &str) -> Result<Vec<Delivery>, Error> {
    let query = format!(
        "select {COMMAND_COLUMNS}, sealed, is_held from outbox \
         join commands on commands.id = outbox.command \
         where outbox.device = ? order by outbox.command"
    );
    let mut query = connection.prepare_cached(&query)?;
    let deliveries = query.query_map([device], rows::delivery)?;
    Ok(deliveries.collect::<Result<_, _>>()?)
}

#[async_trait]
impl Devices for SqliteStore {
    async fn snapshot(&self, device: &str) -> Result<Option<Snapshot>, StoreError> {
        self.look_up(|connection| {
            let transaction = connection.unchecked_transaction()?;
            snapshot(&transaction, device)
        })
    }

    async fn snapshot_with_outbox(
        &self,
        device: &str,
    ) -> Result<Option<(Snapshot, Vec<Delivery>)>, StoreError> {
        self.look_up(|connection| {
            let transaction = connection.unchecked_transaction()?;
            let Some(snapshot) = snapshot(&transaction, device)? else {
                return Ok(None);
            };
            // Only what is pending waits in the outbox.
            let outbox = match snapshot.pending {
                Some(_) => outbox(&transaction, device)?,
                None => Vec::new(),
            };
            Ok(Some((snapshot, outbox)))
        })
    }

    async fn command(&self, device: &str, id: &str) -> Result<Option<Command>, StoreError> {
        self.look_up(|connection| {
            let query =
                format!("select {COMMAND_COLUMNS} from commands where device = ? and id = ?");
            let mut query = connection.prepare_cached(&query)?;
            Ok(query.query_row([device, id], rows::command).optional()?)
        })
    }

    async fn history(&self, device: &str, limit: u32) -> Result<Vec<Command>, StoreError> {
        let device = device.to_owned();
        self.read(move |connection| {
            let query = format!(
                "select {COMMAND_COLUMNS} from commands where device = ? order by id desc limit ?"
            );
            let mut query = connection.prepare_cached(&query)?;
            let commands = query.query_map(params![device, limit], rows::command)?;
            Ok(commands.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn outbox(&self, device: &str) -> Result<Vec<Delivery>, StoreError> {
        self.look_up(|connection| outbox(connection, device))
    }

    async fn pending_commands(&self) -> Result<PendingCommands, StoreError> {
        self.read(|connection| {
            // Ids begin with the time, so the first is the oldest.
            let mut query = connection.prepare_cached(
                "select (select count(*) from outbox), \
                 (select requested_at from commands where id = (select min(command) from outbox))",
            )?;
            Ok(query.query_row([], |row| {
                Ok(PendingCommands {
                    number: row.get(0)?,
                    oldest: row.get(1)?,
                })
            })?)
        })
        .await
    }

    async fn overdue(
        &self,
        now: Timestamp,
        after: Option<&Overdue>,
        limit: u32,
    ) -> Result<Vec<Overdue>, StoreError> {
        let (since, id) = match after {
            Some(after) => (after.expires_at, after.command.clone()),
            None => (0, CommandId::new()),
        };
        self.read(move |connection| {
            let mut query = connection.prepare_cached(
                "select device, id, expires_at from commands \
                 where is_pending and expires_at <= ? and (expires_at, id) > (?, ?) \
                 order by expires_at, id limit ?",
            )?;
            let overdue = query.query_map(params![now, since, id, limit], |row| {
                Ok(Overdue {
                    device: row.get(0)?,
                    command: row.get(1)?,
                    expires_at: row.get(2)?,
                })
            })?;
            Ok(overdue.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        self.writer
            .run_exclusively(move |connection| commit::commit(connection, &commit))
            .await
    }
}
