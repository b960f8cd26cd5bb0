//! The end of a store, in PostgreSQL.

use super::PostgresStore;
use async_trait::async_trait;
use mdm_server_core::store::{Lifecycle, StoreError};

#[async_trait]
impl Lifecycle for PostgresStore {
    async fn close(&self) -> Result<(), StoreError> {
        self.pool.close();
        Ok(())
    }
}
