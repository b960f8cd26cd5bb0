//! The options of the store: a SQLite file, or a PostgreSQL database.

use super::data_dir::DataDir;
use anyhow::{Context as _, ensure};
use clap::Args;
use mdm_server_core::{metrics::StoreMetrics, store::Store, supervisor::Supervisor};
use mdm_server_postgres::{PostgresOptions, PostgresStore, PostgresUrl};
use mdm_server_sqlite::SqliteStore;
use std::{
    fmt,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
};
use zeroize::Zeroizing;

#[derive(Args)]
pub(super) struct StoreOptions {
    /// The folder of the server's key, of compiled plugins and, without --store, of the database. It is created if it
    /// is missing.
    #[arg(long, default_value = "mdm-data")]
    data: PathBuf,
    /// Use this PostgreSQL database, which several servers with the same host.key can share:
    /// postgres://user:password@host/database?sslmode=require. Other users of the machine can see options: the
    /// environment variable hides the password.
    #[arg(long, value_name = "URL", env = "MDM_STORE", hide_env_values = true)]
    store: Option<Zeroizing<String>>,
    /// A PEM file with the certificate authorities of the PostgreSQL server. By default, those of the system.
    #[arg(long, value_name = "FILE", requires = "store")]
    store_ca: Option<PathBuf>,
    /// The number of connections to PostgreSQL for reads. One more writes, and one listens.
    #[arg(long, value_name = "NUMBER", default_value = "16", value_parser = clap::value_parser!(u16).range(1..))]
    store_connections: u16,
    /// The limit of requests in one commit. Each response waits for its commit to be durable, so a lower limit gives
    /// shorter latency under load and less throughput.
    #[arg(long, value_name = "CALLS", default_value = "256")]
    calls_per_commit: NonZeroUsize,
}

impl StoreOptions {
    /// The host's folder.
    pub(super) fn folder(&self) -> anyhow::Result<DataDir> {
        DataDir::open(&self.data)
    }

    /// Opens the store. It counts its commits in `metrics`; its background tasks run under `supervisor`.
    pub(super) async fn open(
        &self,
        metrics: StoreMetrics,
        supervisor: &Arc<Supervisor>,
    ) -> anyhow::Result<Arc<dyn Store>> {
        Ok(match self.postgres()? {
            Some(options) => {
                Arc::new(PostgresStore::open_supervised(&options, metrics, supervisor).await?)
            }
            None => Arc::new(SqliteStore::open_supervised(
                &self.folder()?.database()?,
                self.calls_per_commit,
                metrics,
                supervisor,
            )?),
        })
    }

    /// Returns `true` if the store has never been used. Creates nothing.
    pub(super) async fn is_empty(&self) -> anyhow::Result<bool> {
        Ok(match self.postgres()? {
            Some(options) => PostgresStore::is_empty(&options).await?,
            None => {
                let file = self.folder()?.database_path().metadata();
                file.map_or(true, |file| file.len() == 0)
            }
        })
    }

    /// Opens the store of a host that has been there before.
    pub(super) async fn open_used(&self) -> anyhow::Result<Arc<dyn Store>> {
        if self.is_ours() {
            self.used_database()?;
        }
        self.open(StoreMetrics::default(), &Arc::default()).await
    }

    /// Opens an existing store for reading, even if its tables were altered.
    pub(super) fn open_as_is(&self) -> anyhow::Result<Arc<dyn Store>> {
        Ok(match self.postgres()? {
            Some(options) => Arc::new(PostgresStore::open_as_is(&options)?),
            None => Arc::new(SqliteStore::open_as_is(&self.used_database()?)?),
        })
    }

    /// The database's file of a host that has been there before.
    pub(super) fn used_database(&self) -> anyhow::Result<PathBuf> {
        let database = self.data.join("mdm.db");
        ensure!(
            database.exists(),
            "there is no host's data in {}: name its folder with --data",
            self.data.display()
        );
        Ok(database)
    }

    /// Opens a store in this file.
    pub(super) fn open_file(&self, file: &Path) -> anyhow::Result<SqliteStore> {
        let metrics = StoreMetrics::default();
        Ok(SqliteStore::open_with(
            file,
            self.calls_per_commit,
            metrics,
        )?)
    }

    /// Returns `true` if it is a file in the server's own folder.
    pub(super) fn is_ours(&self) -> bool {
        self.store.is_none()
    }

    /// The PostgreSQL database. `None` for SQLite in the server's own folder.
    pub(super) fn postgres(&self) -> anyhow::Result<Option<PostgresOptions>> {
        let Some(url) = &self.store else {
            return Ok(None);
        };
        Ok(Some(PostgresOptions {
            // The typed text may contain a password, so the error does not repeat it.
            url: url.parse::<PostgresUrl>().context("--store")?,
            authorities: self.store_ca.clone(),
            connections: self.store_connections.into(),
            calls_per_commit: self.calls_per_commit,
        }))
    }
}

impl fmt::Display for StoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.store {
            Some(_) => f.write_str("that --store names"),
            None => write!(f, "{}", self.data.join("mdm.db").display()),
        }
    }
}
