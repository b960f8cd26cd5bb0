//! Checks that the file can be read and written now.

use super::{SqliteStore, schema};
use async_trait::async_trait;
use mdm_server_core::store::{Probe, StoreError};

#[async_trait]
impl Probe for SqliteStore {
    async fn check_schema(&self) -> Result<(), StoreError> {
        self.read(|connection| schema::check(connection).map(drop))
            .await
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.check_schema().await?;
        self.read(|connection| {
            let mut query = connection.prepare_cached("select 1 from host")?;
            query.exists([])?;
            Ok(())
        })
        .await?;
        self.writer
            .run(|connection| {
                connection
                    // SQLite writes nothing if the value stays the same, so it must change.
                    .prepare_cached("update host set probes = probes + 1")?
                    .execute([])?;
                Ok(())
            })
            .await
    }
}
