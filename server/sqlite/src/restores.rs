//! Noticing a restore, and deciding about it, in SQLite.

use super::{SqliteStore, audit};
use async_trait::async_trait;
use mdm_contract::words::CommandId;
use mdm_server_core::{
    audit::AuditEntry,
    store::{RestoreState, Restores, StoreError},
};
use rusqlite::{OptionalExtension as _, params};

#[async_trait]
impl Restores for SqliteStore {
    async fn restore_state(&self) -> Result<RestoreState, StoreError> {
        self.look_up(|connection| {
            let mut query = connection.prepare_cached(
                "select epoch, undecided_since, (select count(*) from outbox where is_held) from host",
            )?;
            let state = query.query_row([], |row| {
                Ok(RestoreState {
                    epoch: row.get(0)?,
                    undecided_since: row.get(1)?,
                    held: row.get(2)?,
                })
            });
            Ok(state.optional()?.unwrap_or(RestoreState {
                epoch: 1,
                undecided_since: None,
                held: 0,
            }))
        })
    }

    async fn begin_epoch(&self, from: u64, to: u64, entry: AuditEntry) -> Result<bool, StoreError> {
        self.writer
            .run(move |connection| {
                let begun = connection.execute(
                    "update host set epoch = ?, undecided_since = ? where epoch = ?",
                    params![to, entry.at, from],
                )?;
                if begun > 0 {
                    connection.execute("update outbox set is_held = true", [])?;
                }
                audit::write_if_done(connection, begun, &entry.into())
            })
            .await
    }

    async fn held_commands(
        &self,
        after: Option<&CommandId>,
        most: u32,
    ) -> Result<Vec<(String, CommandId)>, StoreError> {
        let after = after.cloned().unwrap_or_default();
        self.read(move |connection| {
            let mut query = connection.prepare_cached(
                "select device, command from outbox where is_held and command > ? order by command limit ?",
            )?;
            let held = query.query_map(params![after, most], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(held.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn release_held(&self, entry: AuditEntry) -> Result<Vec<String>, StoreError> {
        self.writer
            .run(move |connection| {
                let devices = connection
                    .prepare("update outbox set is_held = false where is_held returning device")?
                    .query_map([], |row| row.get(0))?
                    .collect::<Result<Vec<String>, _>>()?;
                let ended = connection.execute(
                    "update host set undecided_since = null where undecided_since is not null",
                    [],
                )?;
                audit::write_if_done(connection, ended + devices.len(), &entry.into())?;
                Ok(devices)
            })
            .await
    }

    async fn end_restore(&self, entry: AuditEntry) -> Result<bool, StoreError> {
        self.writer
            .run(move |connection| {
                let is_any_held = connection
                    .prepare("select 1 from outbox where is_held")?
                    .exists([])?;
                if is_any_held {
                    return Ok(false);
                }
                let ended = connection.execute(
                    "update host set undecided_since = null where undecided_since is not null",
                    [],
                )?;
                audit::write_if_done(connection, ended, &entry.into())?;
                Ok(true)
            })
            .await
    }
}
