//! Checks that the database can be read and written now.

use super::{
    PostgresStore,
    connection::{Connection, Executor as _},
    schema::{self, Comparison},
};
use async_trait::async_trait;
use mdm_server_core::store::{Probe, StoreError};
use std::time::Duration;

/// The longest wait for a free connection: shorter than that of a call, so that the host can tell that its store is
/// busy.
const WAIT: Duration = Duration::from_secs(1);

impl PostgresStore {
    /// Errors if the tables are not those of this version. Compares them only where they are others than at the last
    /// comparison: probes are frequent, and differences may last.
    async fn check_tables(&self, reader: Connection) -> Result<(), StoreError> {
        let tables = schema::tables(&reader).await?;
        let known = |last: &Option<Comparison>| {
            let last = last.as_ref().filter(|last| last.is_of(&tables));
            last.map(Comparison::result)
        };
        if let Some(result) = known(&self.compared.lock()) {
            return result;
        }
        let comparison = match schema::is_kept(&reader, &tables).await? {
            true => Comparison::equal(tables),
            false => {
                drop(reader);
                // A transaction that its caller abandons must not come back to the connections of others.
                let mut own = self.pool.connection().await?.into_client();
                schema::compare(&mut own).await?
            }
        };
        let result = comparison.result();
        let mut last = self.compared.lock();
        *last = Some(comparison);
        result
    }
}

#[async_trait]
impl Probe for PostgresStore {
    async fn check_schema(&self) -> Result<(), StoreError> {
        let reader = self.reader().await?;
        self.check_tables(reader).await
    }

    async fn probe(&self) -> Result<(), StoreError> {
        let reader = self.pool.connection_within(WAIT).await?;
        self.check_tables(reader).await?;
        let reader = self.pool.connection_within(WAIT).await?;
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
