//! Copies of a store in SQLite: a backup of one that may be in use, and the check of a file that is to be restored.

use super::{SqliteStore, connect, schema};
use crate::error::Error;
use mdm_server_core::store::StoreError;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// Maximum number of a damaged file's faults in an error.
const MAX_FAULTS: u32 = 5;

impl SqliteStore {
    /// Copies a store into a file that is there and is empty. The copy is the store as of one commit, also while a host
    /// writes to it, and is in this one file.
    pub fn back_up(database: &Path, into: &Path) -> Result<(), StoreError> {
        // A connection that can write leaves no log behind where no host runs.
        Ok(copy(
            &connect(database, OpenFlags::SQLITE_OPEN_READ_WRITE)?,
            into,
        )?)
    }

    /// The same of a file that nothing is to be changed in: a backup.
    pub fn copy_backup(file: &Path, into: &Path) -> Result<(), StoreError> {
        Ok(copy(&unchanged(file)?, into)?)
    }

    /// Returns an error if the file is damaged, or is no store whose schema this version knows. Changes nothing.
    pub fn check(file: &Path) -> Result<(), StoreError> {
        let connection = unchanged(file)?;
        let damaged =
            |why: String| StoreError::Failed(format!("{} is damaged: {why}", file.display()));
        let faults = faults(&connection).map_err(|error| damaged(error.to_string()))?;
        if faults != ["ok"] {
            return Err(damaged(faults.join("; ")));
        }
        Ok(schema::check_copy(&connection)?)
    }
}

/// Copies by `vacuum into`, not by SQLite's backup interface, which copies pages with the remains of deleted rows.
/// `vacuum into` copies rows, from one snapshot, so that a server that writes neither waits nor restarts the copy.
fn copy(from: &Connection, into: &Path) -> Result<(), Error> {
    let path = into.to_str();
    let path = path.ok_or_else(|| StoreError::Failed(format!("{} is no UTF-8", into.display())))?;
    from.execute("vacuum into ?1", [path])?;
    Ok(())
}

/// Opens a database file without changes to it or its folder. For a database in WAL mode, SQLite creates files beside
/// it, unless the file is opened as immutable. So it is opened as immutable if it has no log.
fn unchanged(file: &Path) -> Result<Connection, Error> {
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    if Path::new(&log).exists() {
        return connect(file, OpenFlags::SQLITE_OPEN_READ_ONLY);
    }
    let failed = |error| StoreError::Failed(format!("{}: {error}", file.display()));
    let path = file.canonicalize().map_err(failed)?;
    let path = path.as_os_str().as_encoded_bytes().iter();
    let path = path.map(|byte| match byte {
        b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
            char::from(*byte).to_string()
        }
        other => format!("%{other:02X}"),
    });
    let uri = format!("file:{}?immutable=1", path.collect::<String>());
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    connect(Path::new(&uri), flags)
}

fn faults(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut check = connection.prepare(&format!("pragma integrity_check({MAX_FAULTS})"))?;
    let faults = check.query_map([], |row| row.get(0))?;
    faults.collect()
}
