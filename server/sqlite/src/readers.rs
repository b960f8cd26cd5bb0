//! The connections that read. Each reads for one call at a time, and waits for no writer.

use crate::{connection::connect, error::Error};
use mdm_server_core::store::StoreError;
use parking_lot::{Mutex, MutexGuard};
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};

/// A pool of read-only connections to one file, which grows with the calls that read at the same time.
pub(super) struct Readers {
    path: PathBuf,
    /// Idle connections; `None` once the store is closed.
    idle: Mutex<Option<Vec<Connection>>>,
}

impl Readers {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            idle: Mutex::new(Some(Vec::new())),
        }
    }

    /// Reads on a connection that no other call uses meanwhile. Errors if the store is closed.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let found = match self.idle().as_mut() {
            Some(idle) => idle.pop(),
            None => return Err(closed().into()),
        };
        let connection = match found {
            Some(connection) => connection,
            None => connect(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?,
        };
        let result = read(&connection);
        if let Some(idle) = self.idle().as_mut() {
            idle.push(connection);
        }
        result
    }

    /// Closes the idle connections now, and each other one when its call ends.
    pub(super) fn close(&self) {
        drop(self.idle().take());
    }

    fn idle(&self) -> MutexGuard<'_, Option<Vec<Connection>>> {
        self.idle.lock()
    }
}

/// The error of a call that comes after the store was closed.
fn closed() -> StoreError {
    StoreError::Failed("the store is closed, because the host stops".into())
}
