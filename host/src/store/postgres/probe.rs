//! Whether the database can be read and written now.

use super::{PostgresStore, connection::Ask as _, schema};
use crate::store::{Probe, StoreError};
use async_trait::async_trait;

#[async_trait]
impl Probe for PostgresStore {
    async fn check_schema(&self) -> Result<(), StoreError> {
        let reader = self.reader().await?;
        if schema::is_known(&reader).await? {
            return Ok(());
        }
        drop(reader);
        // A transaction that its caller abandons must not come back to the connections of others.
        let mut own = self.pool.own_connection().await?;
        schema::compare(&mut own).await
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.check_schema().await?;
        let reader = self.reader().await?;
        reader.row_if_any("select 1 from host", &[]).await?;
        drop(reader);
        self.writer
            .run(|batch| async move {
                let write = "update host set verifying_key = verifying_key";
                batch.write(write, &[]).await?;
                Ok(())
            })
            .await
    }
}
