//! The store in PostgreSQL, which several hosts can share: replicas, of which any can be asked anything.

mod agent_keys;
mod audit;
mod catalog;
mod commands;
mod commit;
mod connection;
mod devices;
mod engine;
mod fleet;
mod idempotency;
mod lease;
mod lifecycle;
mod messages;
mod pool;
mod probe;
mod replicas;
mod rows;
mod schema;
mod tls;
mod wake_ups;
mod writer;

pub use pool::{BadUrl, PostgresOptions, PostgresUrl};

use connection::Connection;
use mdm_server_core::store::{Replicas, Shared, StoreError};
use mdm_server_core::{metrics::StoreMetrics, supervisor::Supervisor};
use pool::Pool;
use replicas::Replica;
use schema::Comparison;
use std::{num::NonZeroUsize, sync::Arc};
use writer::Writer;

/// A store in a PostgreSQL database.
pub struct PostgresStore {
    pool: Pool,
    writer: Writer,
    replica: Arc<Replica>,
    /// The last comparison of the tables with what this version makes.
    compared: parking_lot::Mutex<Option<Comparison>>,
}

impl PostgresStore {
    /// Connects to the database, and brings its tables to the newest form.
    pub async fn open(options: &PostgresOptions) -> Result<Self, StoreError> {
        Self::open_counted(options, StoreMetrics::default()).await
    }

    /// The same, and counts its commits.
    pub async fn open_counted(
        options: &PostgresOptions,
        metrics: StoreMetrics,
    ) -> Result<Self, StoreError> {
        Self::open_supervised(options, metrics, &Arc::default()).await
    }

    /// The same, and its background tasks run under this supervisor.
    pub async fn open_supervised(
        options: &PostgresOptions,
        metrics: StoreMetrics,
        supervisor: &Arc<Supervisor>,
    ) -> Result<Self, StoreError> {
        let pool = Pool::new(options)?;
        pool.migrate().await?;
        let calls = options.calls_per_commit;
        Ok(Self::over(pool, calls, metrics, supervisor))
    }

    /// Opens an existing database for reading, without checks or migrations of its tables.
    pub fn open_as_is(options: &PostgresOptions) -> Result<Self, StoreError> {
        let (calls, metrics) = (options.calls_per_commit, StoreMetrics::default());
        let pool = Pool::new(options)?;
        Ok(Self::over(pool, calls, metrics, &Arc::default()))
    }

    fn over(
        pool: Pool,
        calls_per_commit: NonZeroUsize,
        metrics: StoreMetrics,
        supervisor: &Arc<Supervisor>,
    ) -> Self {
        let replica = Arc::new(Replica::new(pool.clone(), Arc::clone(supervisor)));
        let told = Arc::clone(&replica);
        Self {
            writer: Writer::start(pool.clone(), told, calls_per_commit, metrics, supervisor),
            replica,
            pool,
            compared: parking_lot::Mutex::default(),
        }
    }

    /// Returns `true` if the database has no tables of a server yet. Creates nothing.
    pub async fn is_empty(options: &PostgresOptions) -> Result<bool, StoreError> {
        Pool::new(options)?.is_empty().await
    }

    /// A connection that reads, each statement on its own.
    async fn reader(&self) -> Result<Connection, StoreError> {
        self.pool.connection().await
    }
}

impl Shared for PostgresStore {
    fn replicas(&self) -> Option<Arc<dyn Replicas>> {
        // Commands that only read the store are no replicas, and must not become the leader.
        self.replica.join();
        Some(Arc::clone(&self.replica) as _)
    }
}
