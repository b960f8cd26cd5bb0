//! The store in one SQLite file: write-ahead log, `synchronous=FULL`, one writer, many readers.

mod accounts;
mod audit;
mod bulks;
mod commit;
mod devices;
mod enrollment;
mod fleet;
mod idempotency;
mod plugins;
mod probe;
mod rows;
mod wake_ups;
mod webhooks;
mod writer;

use super::{Replicas, Shared, StoreError};
use crate::metrics::StoreMetrics;
use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::{M, Migrations};
use std::{
    num::NonZeroUsize,
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
    /// How many calls share a commit at most.
    pub const CALLS_PER_COMMIT: NonZeroUsize = NonZeroUsize::new(256).unwrap();

    /// Opens the file, which is made if it isn't there, and brings it to the newest form.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, Self::CALLS_PER_COMMIT, StoreMetrics::default())
    }

    /// The same, where at most so many calls share a commit, and commits are counted.
    pub fn open_with(
        path: &Path,
        calls_per_commit: NonZeroUsize,
        metrics: StoreMetrics,
    ) -> Result<Self, StoreError> {
        let mut connection = connect(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        )?;
        refuse_newer(&connection)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        // What a job has changed before it errs is kept aside for each of them, and would be in a file.
        connection.pragma_update(None, "temp_store", "memory")?;
        // A sealed password is to be gone when its row is.
        connection.pragma_update(None, "secure_delete", true)?;
        Migrations::from_slice(MIGRATIONS)
            .to_latest(&mut connection)
            .map_err(|error| StoreError::Failed(format!("{}: {error}", path.display())))?;
        Ok(Self {
            path: path.to_owned(),
            writer: Writer::start(connection, calls_per_commit.get(), metrics)?,
            readers: Arc::default(),
        })
    }

    /// Reads a few rows by their keys, right here: that takes as long as it would to hand it to another thread, and
    /// readers wait for no writer.
    fn look_up<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        read_on(&self.readers, &self.path, read)
    }

    /// Reads on a connection of its own, off the async threads.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let readers = Arc::clone(&self.readers);
        let path = self.path.clone();
        let task = tokio::task::spawn_blocking(move || read_on(&readers, &path, read));
        task.await
            .map_err(|error| StoreError::Failed(error.to_string()))?
    }
}

impl Shared for SqliteStore {
    fn replicas(&self) -> Option<Arc<dyn Replicas>> {
        None
    }
}

/// Reads on a connection that reads nothing else meanwhile.
fn read_on<T>(
    idle: &Mutex<Vec<Connection>>,
    path: &Path,
    read: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let lock = || idle.lock().unwrap_or_else(PoisonError::into_inner);
    let found = lock().pop();
    let connection = match found {
        Some(connection) => connection,
        None => connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?,
    };
    let result = read(&connection);
    lock().push(connection);
    result
}

/// Errs where a newer host has made the tables, before anything is changed.
fn refuse_newer(connection: &Connection) -> Result<(), StoreError> {
    let known = MIGRATIONS.len();
    let form: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match usize::try_from(form).is_ok_and(|form| form <= known) {
        true => Ok(()),
        false => Err(StoreError::Newer { form, known }),
    }
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(|error| StoreError::Failed(format!("{}: {error}", path.display())))?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}
