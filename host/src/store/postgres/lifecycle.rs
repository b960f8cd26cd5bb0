//! The beginning of a restored store, and the end of any, in PostgreSQL.

use super::PostgresStore;
use crate::{
    audit::AuditEntry,
    store::{Lifecycle, StoreError},
};
use async_trait::async_trait;

#[async_trait]
impl Lifecycle for PostgresStore {
    async fn note_restored(&self, entry: AuditEntry) -> Result<(), StoreError> {
        self.writer
            .run(|batch| async move { batch.audit(entry.into()).await })
            .await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.pool.close();
        Ok(())
    }
}
