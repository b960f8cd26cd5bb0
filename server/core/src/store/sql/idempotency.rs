//! Stored responses of requests with an idempotency key, in SQL. Each store has its own statement for writes.

use super::Engine;
use crate::store::{IdempotencyKeys, StoreError, StoredResponse};
use async_trait::async_trait;
use mdm_contract::time::Timestamp;

/// Deletes the oldest responses of requests from before `$1`, `$2` at most.
pub const DELETE_RESPONSES: &str = "delete from idempotency_keys where (caller, key) in \
    (select caller, key from idempotency_keys where created_at < $1 order by created_at limit $2)";

#[async_trait]
impl<E: Engine> IdempotencyKeys for E {
    async fn stored_response(
        &self,
        caller: &str,
        key: &str,
    ) -> Result<Option<StoredResponse>, StoreError> {
        let sql = "select request, response, created_at from idempotency_keys where caller = $1 and key = $2";
        let rows = self.look_up(sql, &[caller.into(), key.into()]).await?;
        let stored = rows.first().map(|row| {
            Ok(StoredResponse {
                caller: caller.to_owned(),
                key: key.to_owned(),
                request: row.get("request")?,
                response: row.get("response")?,
                created_at: row.get("created_at")?,
            })
        });
        stored.transpose()
    }

    async fn store_response(&self, response: StoredResponse) -> Result<(), StoreError> {
        self.write(move |tx| Box::pin(async move { tx.store_response(response).await }))
            .await
    }

    async fn delete_responses(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                let values = [before.into(), limit.into()];
                tx.execute(DELETE_RESPONSES, &values).await
            })
        })
        .await
    }
}
