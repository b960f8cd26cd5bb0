//! The store in one SQLite file: write-ahead log, `synchronous=FULL`, one writer, many readers.

mod agent_keys;
mod audit;
mod backup;
mod catalog;
mod commit;
mod connection;
mod devices;
mod engine;
mod error;
mod fleet;
mod idempotency;
mod lifecycle;
mod probe;
mod readers;
mod rows;
mod schema;
mod wake_ups;
mod writer;

use connection::{connect, described};
use error::Error;
use mdm_server_core::{
    metrics::StoreMetrics,
    store::{Replicas, Shared, StoreError},
    supervisor::Supervisor,
};
use readers::Readers;
use rusqlite::{Connection, OpenFlags};
use std::{num::NonZeroUsize, path::Path, sync::Arc};
use writer::Writer;

/// A store in one SQLite file.
pub struct SqliteStore {
    writer: Writer,
    readers: Arc<Readers>,
}

impl SqliteStore {
    /// Maximum number of jobs per commit.
    pub const CALLS_PER_COMMIT: NonZeroUsize = NonZeroUsize::new(256).unwrap();

    /// Opens the file, which is made if it isn't there, and brings it to the newest form.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, Self::CALLS_PER_COMMIT, StoreMetrics::default())
    }

    /// The same with a maximum number of jobs per commit, and with metrics.
    pub fn open_with(
        path: &Path,
        calls_per_commit: NonZeroUsize,
        metrics: StoreMetrics,
    ) -> Result<Self, StoreError> {
        Self::open_supervised(path, calls_per_commit, metrics, &Supervisor::default())
    }

    /// The same, and its writer runs under this supervisor.
    pub fn open_supervised(
        path: &Path,
        calls_per_commit: NonZeroUsize,
        metrics: StoreMetrics,
        supervisor: &Supervisor,
    ) -> Result<Self, StoreError> {
        let opened = Self::migrated(path).and_then(|connection| {
            Self::over(connection, path, calls_per_commit, metrics, supervisor)
        });
        opened.map_err(|error| described(error.into(), path))
    }

    /// A connection to the file, with the tables of this version.
    fn migrated(path: &Path) -> Result<Connection, Error> {
        let mut connection = connect(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        )?;
        let applied = schema::check(&connection)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        // Savepoints keep a journal of each job's changes, which must not be a file.
        connection.pragma_update(None, "temp_store", "memory")?;
        // Deleted rows are overwritten: a sealed password must not outlive its row.
        connection.pragma_update(None, "secure_delete", true)?;
        schema::migrate(&mut connection, applied)?;
        Ok(connection)
    }

    /// Opens an existing file for reading, without checks or migrations of its tables.
    pub fn open_as_is(path: &Path) -> Result<Self, StoreError> {
        let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let metrics = StoreMetrics::default();
        let (calls, supervisor) = (Self::CALLS_PER_COMMIT, Supervisor::default());
        Ok(Self::over(connection, path, calls, metrics, &supervisor)?)
    }

    fn over(
        connection: Connection,
        path: &Path,
        calls_per_commit: NonZeroUsize,
        metrics: StoreMetrics,
        supervisor: &Supervisor,
    ) -> Result<Self, Error> {
        Ok(Self {
            writer: Writer::start(connection, calls_per_commit.get(), metrics, supervisor)?,
            readers: Arc::new(Readers::new(path)),
        })
    }

    /// Reads a few rows by their keys, right here: that takes as long as it would to hand it to another thread, and
    /// readers wait for no writer.
    fn look_up<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Error>,
    ) -> Result<T, StoreError> {
        Ok(self.readers.read(read)?)
    }

    /// Reads on a connection of its own, off the async threads.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let readers = Arc::clone(&self.readers);
        let task = tokio::task::spawn_blocking(move || readers.read(read));
        let read = task
            .await
            .map_err(|error| StoreError::Failed(error.to_string()))?;
        Ok(read?)
    }
}

impl Shared for SqliteStore {
    fn replicas(&self) -> Option<Arc<dyn Replicas>> {
        None
    }
}
