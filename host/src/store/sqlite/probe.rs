//! Whether the file can be read and written now.

use super::SqliteStore;
use crate::store::{Probe, StoreError};
use async_trait::async_trait;

#[async_trait]
impl Probe for SqliteStore {
    async fn probe(&self) -> Result<(), StoreError> {
        self.read(|connection| {
            let mut query = connection.prepare_cached("select 1 from host")?;
            query.exists([])?;
            Ok(())
        })
        .await?;
        self.writer
            .run(|connection| {
                connection
                    .prepare_cached("update host set verifying_key = verifying_key")?
                    .execute([])?;
                Ok(())
            })
            .await
    }
}
