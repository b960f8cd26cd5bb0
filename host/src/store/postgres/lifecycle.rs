//! The end of a store, in PostgreSQL.

use super::PostgresStore;
use crate::store::{Lifecycle, StoreError};
use async_trait::async_trait;

#[async_trait]
impl Lifecycle for PostgresStore {
    async fn close(&self) -> Result<(), StoreError> {
        self.pool.close();
        Ok(())
    }
}
