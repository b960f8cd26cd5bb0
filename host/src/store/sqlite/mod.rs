//! The store in one SQLite file: write-ahead log, `synchronous=FULL`, one writer, many readers.

mod audit;
mod commit;
mod rows;
mod writer;

use super::{
    ChosenPlugin, Commit, Delivery, NewDevice, Overdue, PluginChoice, PluginFile, Snapshot, Store,
    StoreError,
};
use crate::{
    audit::{AuditEntry, AuditLine},
    token::TokenDigest,
};
use async_trait::async_trait;
use mdm_wire::{decisions::Command, signing_key::VerifyingKey, time::Timestamp, words::CommandId};
use rows::{COMMAND_COLUMNS, DEVICE_COLUMNS};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};
use rusqlite_migration::{M, Migrations};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use writer::Writer;

const MIGRATIONS: &[M<'static>] = &[M::up(include_str!("migrations/1-first.sql"))];

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// A store in one SQLite file.
pub struct SqliteStore {
    path: PathBuf,
    writer: Writer,
    /// Connections that read nothing now.
    readers: Arc<Mutex<Vec<Connection>>>,
}

impl SqliteStore {
    /// Opens the file, which is made if it isn't there, and brings it to the newest form.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let mut connection = connect(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        )?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        // A sealed password is to be gone when its row is.
        connection.pragma_update(None, "secure_delete", true)?;
        Migrations::from_slice(MIGRATIONS)
            .to_latest(&mut connection)
            .map_err(|error| StoreError::Failed(format!("{}: {error}", path.display())))?;
        Ok(Self {
            path: path.to_owned(),
            writer: Writer::start(connection)?,
            readers: Arc::default(),
        })
    }

    /// Reads on a connection of its own, off the async threads.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let readers = Arc::clone(&self.readers);
        let path = self.path.clone();
        let task = tokio::task::spawn_blocking(move || {
            let idle = readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = match idle {
                Some(connection) => connection,
                None => connect(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?,
            };
            let result = read(&connection);
            readers
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(connection);
            result
        });
        task.await
            .map_err(|error| StoreError::Failed(error.to_string()))?
    }
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(|error| StoreError::Failed(format!("{}: {error}", path.display())))?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

#[async_trait]
impl Store for SqliteStore {
    async fn snapshot(&self, device: &str) -> Result<Option<Snapshot>, StoreError> {
        let id = device.to_owned();
        self.read(move |connection| {
            let transaction = connection.unchecked_transaction()?;
            let query = format!("select {DEVICE_COLUMNS} from devices where id = ?");
            let device = transaction
                .prepare_cached(&query)?
                .query_row([id], rows::device)
                .optional()?;
            Ok(device
                .map(|device| rows::with_commands(&transaction, device))
                .transpose()?)
        })
        .await
    }

    async fn devices(
        &self,
        group: Option<&str>,
        after: Option<&str>,
        most: u32,
    ) -> Result<Vec<Snapshot>, StoreError> {
        let group = group.map(str::to_owned);
        let after = after.unwrap_or_default().to_owned();
        self.read(move |connection| {
            let transaction = connection.unchecked_transaction()?;
            let devices: Vec<Snapshot> = match group {
                None => transaction
                    .prepare_cached(&format!(
                        "select {DEVICE_COLUMNS} from devices where id > ? order by id limit ?"
                    ))?
                    .query_map(params![after, most], rows::device)?
                    .collect::<Result<_, _>>()?,
                Some(group) => transaction
                    .prepare_cached(&format!(
                        "select {DEVICE_COLUMNS} from devices where id in \
                         (select device from device_groups where name = ? and device > ? \
                         order by device limit ?) order by id"
                    ))?
                    .query_map(params![group, after, most], rows::device)?
                    .collect::<Result<_, _>>()?,
            };
            let devices = devices
                .into_iter()
                .map(|device| rows::with_commands(&transaction, device));
            Ok(devices.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn command(&self, device: &str, id: &str) -> Result<Option<Command>, StoreError> {
        let (device, id) = (device.to_owned(), id.to_owned());
        self.read(move |connection| {
            let query =
                format!("select {COMMAND_COLUMNS} from commands where device = ? and id = ?");
            let mut query = connection.prepare_cached(&query)?;
            Ok(query.query_row([device, id], rows::command).optional()?)
        })
        .await
    }

    async fn history(&self, device: &str, most: u32) -> Result<Vec<Command>, StoreError> {
        let device = device.to_owned();
        self.read(move |connection| {
            let query = format!(
                "select {COMMAND_COLUMNS} from commands where device = ? order by id desc limit ?"
            );
            let mut query = connection.prepare_cached(&query)?;
            let commands = query.query_map(params![device, most], rows::command)?;
            Ok(commands.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn outbox(&self, device: &str) -> Result<Vec<Delivery>, StoreError> {
        let device = device.to_owned();
        self.read(move |connection| {
            let query = format!(
                "select {COMMAND_COLUMNS}, sealed from outbox \
                 join commands on commands.id = outbox.command \
                 where outbox.device = ? order by outbox.command"
            );
            let mut query = connection.prepare_cached(&query)?;
            let deliveries = query.query_map([device], rows::delivery)?;
            Ok(deliveries.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn pending_commands(&self) -> Result<i64, StoreError> {
        self.read(|connection| {
            let mut query = connection.prepare_cached("select count(*) from outbox")?;
            Ok(query.query_row([], |row| row.get(0))?)
        })
        .await
    }

    async fn overdue(
        &self,
        now: Timestamp,
        after: Option<&Overdue>,
        most: u32,
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
            let overdue = query.query_map(params![now, since, id, most], |row| {
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

    async fn audit(&self, device: Option<&str>, most: u32) -> Result<Vec<AuditEntry>, StoreError> {
        let device = device.map(str::to_owned);
        self.read(move |connection| {
            let mut query = connection.prepare_cached(
                "select at, actor, action, device, command, detail, plugin from audit \
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
        self.read(move |connection| audit::lines(connection, after, most))
            .await
    }

    async fn plugin_choice(&self) -> Result<Option<PluginChoice>, StoreError> {
        self.read(|connection| {
            let mut query =
                connection.prepare_cached("select active, previous from plugin_choice")?;
            let digests: Option<(Option<String>, Option<String>)> = query
                .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let mut query =
                connection.prepare_cached("select is_proven from plugins where digest = ?")?;
            let mut chosen = |digest: Option<String>| -> Result<_, StoreError> {
                let Some(digest) = digest else {
                    return Ok(None);
                };
                let is_proven = query.query_row([&digest], |row| row.get(0))?;
                Ok(Some(ChosenPlugin { digest, is_proven }))
            };
            let Some((active, previous)) = digests else {
                return Ok(None);
            };
            Ok(Some(PluginChoice {
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
        audit: AuditEntry,
    ) -> Result<(), StoreError> {
        self.writer
            .run(move |connection| commit::choose_plugin(connection, &choice, new.as_ref(), &audit))
            .await
    }

    async fn forget_plugin_choice(&self) -> Result<(), StoreError> {
        self.writer
            .run(|connection| {
                connection.execute("delete from plugin_choice", [])?;
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

    async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        self.writer
            .run(move |connection| commit::commit(connection, &commit))
            .await
    }

    async fn add_enrollment_token(
        &self,
        token: TokenDigest,
        groups: Vec<String>,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.writer
            .run(move |connection| {
                connection.execute(
                    "insert into enrollment_tokens (token, groups, expires_at) values (?, ?, ?)",
                    params![token, rows::to_json(&groups)?, expires_at],
                )?;
                Ok(())
            })
            .await
    }

    async fn enroll(&self, token: TokenDigest, device: NewDevice) -> Result<bool, StoreError> {
        self.writer
            .run(move |connection| {
                let groups: Option<String> = connection
                    .query_row(
                        "delete from enrollment_tokens where token = ? and expires_at > ? \
                         returning groups",
                        params![token, device.at],
                        |row| row.get(0),
                    )
                    .optional()?;
                let Some(groups) = groups else {
                    return Ok(false);
                };
                let groups: Vec<String> = serde_json::from_str(&groups)
                    .map_err(|error| StoreError::Failed(error.to_string()))?;
                commit::insert_device(connection, &device, &groups)?;
                let entry = AuditEntry {
                    at: device.at,
                    actor: "agent".into(),
                    action: "enroll".into(),
                    device: Some(device.id),
                    command: None,
                    detail: Some(device.name),
                    plugin: None,
                };
                audit::write(connection, &entry)?;
                Ok(true)
            })
            .await
    }

    async fn agent_key(&self, device: &str) -> Result<Option<VerifyingKey>, StoreError> {
        let device = device.to_owned();
        self.read(move |connection| {
            let mut query =
                connection.prepare_cached("select signing_key from devices where id = ?")?;
            let key = query.query_row([device], |row| rows::verifying_key(row, "signing_key"));
            Ok(key.optional()?.flatten())
        })
        .await
    }

    async fn host_key(&self, ours: VerifyingKey) -> Result<VerifyingKey, StoreError> {
        self.writer
            .run(move |connection| {
                connection.execute(
                    "insert or ignore into host (only, verifying_key) values (1, ?)",
                    [ours.to_bytes()],
                )?;
                let key = connection.query_row("select verifying_key from host", [], |row| {
                    rows::verifying_key(row, "verifying_key")
                })?;
                Ok(key.unwrap_or(ours))
            })
            .await
    }

    async fn has_admin_token(&self) -> Result<bool, StoreError> {
        self.read(|connection| {
            Ok(connection
                .prepare_cached("select 1 from admin_tokens")?
                .exists([])?)
        })
        .await
    }

    async fn add_admin_token(&self, token: TokenDigest) -> Result<(), StoreError> {
        self.writer
            .run(move |connection| {
                connection.execute("insert into admin_tokens (token) values (?)", [token])?;
                Ok(())
            })
            .await
    }

    async fn replace_admin_tokens(&self, token: TokenDigest) -> Result<(), StoreError> {
        self.writer
            .run(move |connection| {
                connection.execute("delete from admin_tokens", [])?;
                connection.execute("insert into admin_tokens (token) values (?)", [token])?;
                Ok(())
            })
            .await
    }

    async fn is_admin_token(&self, token: TokenDigest) -> Result<bool, StoreError> {
        self.read(move |connection| {
            let mut query =
                connection.prepare_cached("select 1 from admin_tokens where token = ?")?;
            Ok(query.exists([token])?)
        })
        .await
    }
}
