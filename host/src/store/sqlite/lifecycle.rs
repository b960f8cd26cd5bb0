//! The beginning of a restored store, and the end of any, in SQLite.

use super::{SqliteStore, audit};
use crate::{
    audit::AuditEntry,
    store::{Lifecycle, StoreError},
};
use async_trait::async_trait;

#[async_trait]
impl Lifecycle for SqliteStore {
    async fn note_restored(&self, entry: AuditEntry) -> Result<(), StoreError> {
        self.writer
            .run(move |connection| audit::write(connection, &entry.into()))
            .await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.readers.close();
        self.writer.close().await
    }
}
