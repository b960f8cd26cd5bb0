//! The store in PostgreSQL, which several hosts can share: replicas, of which any can be asked anything.

mod accounts;
mod audit;
mod bulks;
mod commit;
mod connection;
mod devices;
mod enrollment;
mod fleet;
mod idempotency;
mod messages;
mod plugins;
mod pool;
mod probe;
mod replicas;
mod rows;
mod schema;
mod tls;
mod wake_ups;
mod webhooks;
mod writer;

pub use pool::{BadUrl, PostgresOptions, PostgresUrl};

use super::{Replicas, Shared, StoreError};
use crate::metrics::StoreMetrics;
use deadpool_postgres::Object;
use pool::Pool;
use replicas::Replica;
use std::sync::Arc;
use writer::Writer;

/// A store in a PostgreSQL database.
pub struct PostgresStore {
    pool: Pool,
    writer: Writer,
    replica: Arc<Replica>,
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
        let pool = Pool::new(options)?;
        pool.migrate().await?;
        let replica = Arc::new(Replica::new(pool.clone()));
        let (calls, told) = (options.calls_per_commit, Arc::clone(&replica));
        Ok(Self {
            writer: Writer::start(pool.clone(), told, calls, metrics),
            replica,
            pool,
        })
    }

    /// A connection that reads, each statement on its own.
    async fn reader(&self) -> Result<Object, StoreError> {
        self.pool.connection().await
    }
}

impl Shared for PostgresStore {
    fn replicas(&self) -> Option<Arc<dyn Replicas>> {
        // Whoever only looks into the store, as some commands do, is none of them, and must not take the lead.
        self.replica.join();
        Some(Arc::clone(&self.replica) as _)
    }
}
