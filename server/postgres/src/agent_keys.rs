//! The keys of agents in PostgreSQL.

use super::{PostgresStore, connection::Executor as _, rows};
use crate::rows::Columns as _;
use async_trait::async_trait;
use mdm_server_core::store::{AgentKey, AgentKeys, StoreError};

#[async_trait]
impl AgentKeys for PostgresStore {
    async fn agent_key(&self, device: &str) -> Result<Option<AgentKey>, StoreError> {
        let reader = self.reader().await?;
        let query =
            "select signing_key, revoked_at is not null as is_revoked from devices where id = $1";
        let row = reader.row_if_any(query, &[&device]).await?;
        row.map(|row| {
            Ok(AgentKey {
                key: rows::verifying_key(&row, "signing_key")?,
                is_revoked: row.column("is_revoked")?,
            })
        })
        .transpose()
    }
}
