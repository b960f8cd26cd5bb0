//! The tests' stores are SQLite files.

use mdm_host::store::{SqliteStore, Store};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// Opens the store that belongs to a folder.
pub(crate) async fn open(folder: &Path) -> Arc<dyn Store> {
    Arc::new(SqliteStore::open(&folder.join("mdm.db")).unwrap())
}

/// Where all lies that the store has written.
pub(crate) fn files(folder: &Path) -> PathBuf {
    folder.to_owned()
}
