//! The tests' stores are SQLite files.

use mdm_host::store::{SqliteStore, Store};
use rusqlite::Connection;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// Opens the store that belongs to a folder.
pub(crate) async fn open(folder: &Path) -> Arc<dyn Store> {
    Arc::new(SqliteStore::open(&folder.join("mdm.db")).unwrap())
}

/// Does something to the store of a folder as an operator does, beside the host.
pub(crate) fn told(folder: &Path, sql: &str) {
    let connection = Connection::open(folder.join("mdm.db")).unwrap();
    connection.execute_batch(sql).unwrap();
}

/// Where all lies that the store has written.
pub(crate) fn files(folder: &Path) -> PathBuf {
    folder.to_owned()
}

/// Where nothing lies but the rows that there are: the log of what was written before is empty then.
pub(crate) fn rows(folder: &Path) -> Option<PathBuf> {
    let connection = rusqlite::Connection::open(folder.join("mdm.db")).unwrap();
    let emptied: i64 = connection
        .query_row("pragma wal_checkpoint(truncate)", [], |row| row.get(0))
        .unwrap();
    assert_eq!(emptied, 0, "somebody was in the way");
    Some(folder.to_owned())
}
