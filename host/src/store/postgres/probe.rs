//! Whether the database can be read and written now.

use super::{PostgresStore, connection::Ask as _};
use crate::store::{Probe, StoreError};
use async_trait::async_trait;

#[async_trait]
impl Probe for PostgresStore {
    async fn probe(&self) -> Result<(), StoreError> {
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
