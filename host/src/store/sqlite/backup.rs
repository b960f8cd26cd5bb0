//! Copies of a store in SQLite: a backup of one that may be in use, and the check of a file that is to be restored.

use super::{SqliteStore, connect, schema};
use crate::store::StoreError;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// How many faults of a damaged file are named.
const MAX_FAULTS: u32 = 5;

impl SqliteStore {
    /// Copies a store into a file that is there and is empty. The copy is the store as of one commit, also while a host
    /// writes to it, and is in this one file.
    pub fn back_up(database: &Path, into: &Path) -> Result<(), StoreError> {
        // A connection that can write leaves no log behind where no host runs.
        copy(database, OpenFlags::SQLITE_OPEN_READ_WRITE, into)
    }

    /// The same of a file that nothing is to be changed in: a backup.
    pub fn copy_backup(file: &Path, into: &Path) -> Result<(), StoreError> {
        copy(file, OpenFlags::SQLITE_OPEN_READ_ONLY, into)
    }

    /// Returns an error if the file is damaged, or is no store whose schema this version knows. Changes nothing.
    pub fn check(file: &Path) -> Result<(), StoreError> {
        let connection = connect(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let damaged =
            |why: String| StoreError::Failed(format!("{} is damaged: {why}", file.display()));
        let faults = faults(&connection).map_err(|error| damaged(error.to_string()))?;
        if faults != ["ok"] {
            return Err(damaged(faults.join("; ")));
        }
        schema::check_copy(&connection)
    }
}

/// Copies by `vacuum into` rather than by SQLite's backup interface. That copies pages, and with them what is left in free
/// ones; this copies rows, so what was deleted is in no copy. It reads one snapshot, so a host that writes neither waits
/// for it nor makes it begin again.
fn copy(from: &Path, flags: OpenFlags, into: &Path) -> Result<(), StoreError> {
    let path = into.to_str();
    let path = path.ok_or_else(|| StoreError::Failed(format!("{} is no UTF-8", into.display())))?;
    connect(from, flags)?.execute("vacuum into ?1", [path])?;
    Ok(())
}

fn faults(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut check = connection.prepare(&format!("pragma integrity_check({MAX_FAULTS})"))?;
    let faults = check.query_map([], |row| row.get(0))?;
    faults.collect()
}
