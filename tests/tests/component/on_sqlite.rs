//! The tests' stores are SQLite files.

use mdm_server_core::{metrics::StoreMetrics, store::Store};
use mdm_server_sqlite::SqliteStore;
use rusqlite::Connection;
use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Opens the store that belongs to a folder.
pub(crate) async fn open(folder: &Path) -> Arc<dyn Store> {
    let metrics = StoreMetrics::default();
    open_with(folder, SqliteStore::CALLS_PER_COMMIT, metrics).await
}

/// The same, where at most so many calls share a commit, and commits are counted.
pub(crate) async fn open_with(
    folder: &Path,
    calls_per_commit: NonZeroUsize,
    metrics: StoreMetrics,
) -> Arc<dyn Store> {
    let file = folder.join("mdm.db");
    Arc::new(SqliteStore::open_with(&file, calls_per_commit, metrics).unwrap())
}

/// Blocks all other writers until this is dropped.
pub(crate) fn hold(folder: &Path) -> Connection {
    let other = other(folder);
    other.execute_batch("begin immediate").unwrap();
    other
}

/// `pragma synchronous` of a connection that waits for the disk: full.
pub(crate) const DURABLE: &str = "2";

/// From now on, every connection that adds a device notes its own durability settings.
pub(crate) fn note_durability(folder: &Path) {
    let note = "create table noted (setting integer); create trigger note after insert on devices begin \
        insert into noted select synchronous from pragma_synchronous; end";
    other(folder).execute_batch(note).unwrap();
}

/// The notes.
pub(crate) fn noted(folder: &Path) -> String {
    let noted = "select cast(setting as text) from noted";
    other(folder)
        .query_row(noted, [], |row| row.get(0))
        .unwrap()
}

fn other(folder: &Path) -> Connection {
    Connection::open(folder.join("mdm.db")).unwrap()
}

/// Does something to the store of a folder as an operator does, beside the host.
pub(crate) fn execute(folder: &Path, sql: &str) {
    let connection = Connection::open(folder.join("mdm.db")).unwrap();
    connection.execute_batch(sql).unwrap();
}

/// The folder with all files that the store has written.
pub(crate) fn files(folder: &Path) -> PathBuf {
    folder.to_owned()
}

/// A file with the live rows only: the database, once its log is empty.
pub(crate) fn rows(folder: &Path) -> Option<PathBuf> {
    let connection = rusqlite::Connection::open(folder.join("mdm.db")).unwrap();
    let emptied: i64 = connection
        .query_row("pragma wal_checkpoint(truncate)", [], |row| row.get(0))
        .unwrap();
    assert_eq!(emptied, 0, "somebody was in the way");
    Some(folder.to_owned())
}
