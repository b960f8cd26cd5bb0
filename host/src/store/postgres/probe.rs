//! Whether the database can be read and written now.

use super::{PostgresStore, connection::Ask as _, schema};
use crate::store::{Probe, StoreError};
use async_trait::async_trait;
use std::time::Duration;

/// The longest wait for a free connection: shorter than that of a call, so that the host can tell that its store is busy.
const WAIT: Duration = Duration::from_secs(1);

#[async_trait]
impl Probe for PostgresStore {
    async fn check_schema(&self) -> Result<(), StoreError> {
        let reader = self.reader().await?;
        if schema::is_known(&reader).await? {
            return Ok(());
        }
        drop(reader);
        // A transaction that its caller abandons must not come back to the connections of others.
        let mut own = self.pool.connection().await?.into_client();
        schema::compare(&mut own).await
    }

    async fn probe(&self) -> Result<(), StoreError> {
        let reader = self.pool.connection_within(WAIT).await?;
        let reader = match schema::is_known(&reader).await? {
            true => reader,
            false => {
                drop(reader);
                self.check_schema().await?;
                self.pool.connection_within(WAIT).await?
            }
        };
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
