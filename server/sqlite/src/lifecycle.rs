//! The end of a store, in SQLite.

use super::SqliteStore;
use async_trait::async_trait;
use mdm_server_core::store::{Lifecycle, StoreError};

#[async_trait]
impl Lifecycle for SqliteStore {
    async fn close(&self) -> Result<(), StoreError> {
        self.readers.close();
        self.writer.close().await
    }
}
