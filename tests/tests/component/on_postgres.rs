//! The tests' stores are databases of one PostgreSQL server, which ends with them.

use mdm_host::store::{PostgresOptions, PostgresStore, SqliteStore, Store};
use mdm_tests::postgres::Postgres;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

static SERVER: LazyLock<Postgres> = LazyLock::new(|| Postgres::start().unwrap());

/// Opens the store that belongs to a folder.
pub(crate) async fn open(folder: &Path) -> Arc<dyn Store> {
    let options = PostgresOptions {
        url: SERVER.database(name(folder)).unwrap().parse().unwrap(),
        authorities: None,
        connections: 8,
        calls_per_commit: SqliteStore::CALLS_PER_COMMIT,
    };
    Arc::new(PostgresStore::open(&options).await.unwrap())
}

/// Does something to the store of a folder as an operator does, beside the host.
pub(crate) fn told(folder: &Path, sql: &str) {
    SERVER.ask(name(folder), sql).unwrap();
}

fn name(folder: &Path) -> &str {
    folder.file_name().unwrap().to_str().unwrap()
}

/// Where all lies that the store has written.
pub(crate) fn files(_: &Path) -> PathBuf {
    SERVER.ask("postgres", "checkpoint").unwrap();
    SERVER.folder().join("data")
}

/// Where nothing lies but the rows that there are: nowhere, for dead rows stay until the server vacuums, and its log
/// has them for longer.
pub(crate) fn rows(_: &Path) -> Option<PathBuf> {
    None
}
