//! The keys of agents in SQLite.

use super::{SqliteStore, rows};
use async_trait::async_trait;
use mdm_server_core::store::{AgentKey, AgentKeys, StoreError};
use rusqlite::OptionalExtension as _;

#[async_trait]
impl AgentKeys for SqliteStore {
    async fn agent_key(&self, device: &str) -> Result<Option<AgentKey>, StoreError> {
        self.look_up(|connection| {
            let mut query = connection.prepare_cached(
                "select signing_key, revoked_at is not null as is_revoked from devices where id = ?",
            )?;
            let key = query.query_row([device], |row| {
                Ok(AgentKey {
                    key: rows::verifying_key(row, "signing_key")?,
                    is_revoked: row.get("is_revoked")?,
                })
            });
            Ok(key.optional()?)
        })
    }
}
