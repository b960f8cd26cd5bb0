//! Which plugins were chosen, in SQLite.

use super::{SqliteStore, audit};
use crate::error::Error;
use async_trait::async_trait;
use mdm_server_core::store::{
    ChosenPlugin, PluginChoice, PluginChoices, PluginFile, RequestRecord, StoreError,
};
use rusqlite::{Connection, OptionalExtension as _, params};

/// The numbers go on, so that nobody takes a later choice for one before.
const FORGET: &str = "update plugin_choice set number = number + 1, active = null, previous = null";

#[async_trait]
impl PluginChoices for SqliteStore {
    async fn plugin_choice(&self) -> Result<Option<PluginChoice>, StoreError> {
        self.read(|connection| {
            let mut query =
                connection.prepare_cached("select active, previous, number from plugin_choice")?;
            let digests: Option<(Option<String>, Option<String>, u64)> = query
                .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()?;
            let mut query =
                connection.prepare_cached("select is_proven from plugins where digest = ?")?;
            let mut chosen = |digest: Option<String>| -> Result<_, Error> {
                let Some(digest) = digest else {
                    return Ok(None);
                };
                let is_proven = query.query_row([&digest], |row| row.get(0))?;
                Ok(Some(ChosenPlugin { digest, is_proven }))
            };
            let Some((active, previous, number)) = digests else {
                return Ok(None);
            };
            Ok(Some(PluginChoice {
                number,
                active: chosen(active)?,
                previous: chosen(previous)?,
            }))
        })
        .await
    }

    async fn choose_plugin(
        &self,
        choice: PluginChoice,
        new: Option<PluginFile>,
        audit: RequestRecord,
    ) -> Result<(), StoreError> {
        self.writer
            .run(move |connection| choose_plugin(connection, &choice, new.as_ref(), &audit))
            .await
    }

    async fn forget_plugin_choice(&self) -> Result<(), StoreError> {
        self.writer
            .run(|connection| {
                connection.execute(FORGET, [])?;
                connection.execute("delete from plugins", [])?;
                Ok(())
            })
            .await
    }

    async fn plugin_file(&self, digest: &str) -> Result<Option<PluginFile>, StoreError> {
        let digest = digest.to_owned();
        self.read(move |connection| {
            let mut query = connection
                .prepare_cached("select file, signature from plugins where digest = ?")?;
            let file = query.query_row([digest], |row| {
                Ok(PluginFile {
                    bytes: row.get(0)?,
                    signature: row.get(1)?,
                })
            });
            Ok(file.optional()?)
        })
        .await
    }
}

/// Keeps the choice, and the files of what is chosen and no others.
fn choose_plugin(
    connection: &Connection,
    choice: &PluginChoice,
    new: Option<&PluginFile>,
    line: &RequestRecord,
) -> Result<(), Error> {
    let last: Option<u64> = connection
        .query_row("select number from plugin_choice", [], |row| row.get(0))
        .optional()?;
    if choice.number != last.unwrap_or(0) + 1 {
        return Err(StoreError::Conflict.into());
    }
    if let (Some(active), Some(file)) = (&choice.active, new) {
        connection.execute(
            "insert or replace into plugins (digest, file, signature, is_proven) \
             values (?, ?, ?, false)",
            params![active.digest, file.bytes, file.signature],
        )?;
    }
    for chosen in [&choice.active, &choice.previous].into_iter().flatten() {
        connection.execute(
            "update plugins set is_proven = ? where digest = ?",
            params![chosen.is_proven, chosen.digest],
        )?;
    }
    let digest = |chosen: &Option<ChosenPlugin>| chosen.as_ref().map(|it| it.digest.clone());
    let (active, previous) = (digest(&choice.active), digest(&choice.previous));
    connection.execute(
        "insert or replace into plugin_choice (one, number, active, previous) values (1, ?, ?, ?)",
        params![choice.number, active, previous],
    )?;
    connection.execute(
        "delete from plugins where digest is not ? and digest is not ?",
        params![active, previous],
    )?;
    audit::write(connection, line)
}
