//! The tests' stores are databases of one PostgreSQL server, which ends with them.

use mdm_server_core::{metrics::StoreMetrics, store::Store};
use mdm_server_postgres::{PostgresOptions, PostgresStore};
use mdm_server_sqlite::SqliteStore;
use mdm_tests::postgres::{Held, Postgres};
use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

/// By itself it waits for no disk: who wants to has to say so.
static SERVER: LazyLock<Postgres> =
    LazyLock::new(|| Postgres::with(&["synchronous_commit=off"]).unwrap());

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
    let options = PostgresOptions {
        url: SERVER.database(name(folder)).unwrap().parse().unwrap(),
        authorities: None,
        connections: 8,
        calls_per_commit,
    };
    let store = PostgresStore::open_counted(&options, metrics).await;
    Arc::new(store.unwrap())
}

/// Blocks all other writers until this is dropped.
pub(crate) fn hold(folder: &Path) -> Held {
    let lock = "begin; lock table devices in exclusive mode";
    SERVER.hold(name(folder), lock).unwrap()
}

/// `synchronous_commit` of a connection that waits for the disk.
pub(crate) const DURABLE: &str = "on";

/// From now on, every connection that adds a device notes its own durability settings.
pub(crate) fn note_durability(folder: &Path) {
    let note = "create table noted (setting text); \
        create function note() returns trigger language plpgsql as $$ begin \
            insert into noted values (current_setting('synchronous_commit')); return null; \
        end $$; \
        create trigger note after insert on devices for each row execute function note()";
    SERVER.ask(name(folder), note).unwrap();
}

/// The notes.
pub(crate) fn noted(folder: &Path) -> String {
    query(folder, "select setting from noted")
}

fn name(folder: &Path) -> &str {
    folder.file_name().unwrap().to_str().unwrap()
}

/// Does something to the store of a folder as an operator does, beside the host.
pub(crate) fn execute(folder: &Path, sql: &str) {
    SERVER.ask(name(folder), sql).unwrap();
}

/// Runs a query as an operator of the store of a folder would.
pub(crate) fn query(folder: &Path, query: &str) -> String {
    SERVER.ask(name(folder), query).unwrap()
}

/// The folder with all files that the store has written.
pub(crate) fn files(_: &Path) -> PathBuf {
    SERVER.ask("postgres", "checkpoint").unwrap();
    SERVER.folder().join("data")
}

/// A file with the live rows only. There is none: dead rows stay until the server vacuums, and its log has them for
/// longer.
pub(crate) fn rows(_: &Path) -> Option<PathBuf> {
    None
}
