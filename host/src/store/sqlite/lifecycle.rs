//! The end of a store, in SQLite.

use super::SqliteStore;
use crate::store::{Lifecycle, StoreError};
use async_trait::async_trait;

#[async_trait]
impl Lifecycle for SqliteStore {
    async fn close(&self) -> Result<(), StoreError> {
        self.readers.close();
        self.writer.close().await
    }
}
