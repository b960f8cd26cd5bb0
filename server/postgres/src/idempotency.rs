//! Stored responses of requests with an idempotency key, in PostgreSQL.

use super::{
    PostgresStore,
    connection::{Ask as _, Step, values},
    rows::{self, number, signed},
};
use crate::rows::Columns as _;
use async_trait::async_trait;
use mdm_contract::time::Timestamp;
use mdm_server_core::store::{EXPIRED_PER_INSERT, IdempotencyKeys, StoreError, StoredResponse};

/// Deletes the oldest responses of requests from before a time.
const DELETE: &str = "delete from idempotency_keys where (caller, key) in (select caller, key from idempotency_keys \
     where created_at < $1 order by created_at limit $2)";

#[async_trait]
impl IdempotencyKeys for PostgresStore {
    async fn stored_response(
        &self,
        caller: &str,
        key: &str,
    ) -> Result<Option<StoredResponse>, StoreError> {
        let row = self
            .reader()
            .await?
            .row_if_any(
                "select request, response, created_at from idempotency_keys where caller = $1 and key = $2",
                &[&caller, &key],
            )
            .await?;
        let stored = row.map(|row| {
            Ok(StoredResponse {
                caller: caller.to_owned(),
                key: key.to_owned(),
                request: rows::bytes(&row, "request")?,
                response: row.column("response")?,
                created_at: number(&row, "created_at")?,
            })
        });
        stored.transpose()
    }

    async fn store_response(&self, response: StoredResponse) -> Result<(), StoreError> {
        self.writer
            .run(move |batch| async move {
                batch.together(insert(response).into()).await?;
                Ok(())
            })
            .await
    }

    async fn delete_responses(&self, before: Timestamp, most: u32) -> Result<u64, StoreError> {
        self.writer
            .run(move |batch| async move {
                batch
                    .write(DELETE, &[&signed(before), &i64::from(most)])
                    .await
            })
            .await
    }
}

/// The statements that store a response, and delete some that have expired. They err if its key is taken.
pub(super) fn insert(response: StoredResponse) -> [Step; 2] {
    let expired_before = signed(response.expired_before());
    [
        Step::new(
            DELETE,
            values![expired_before, i64::from(EXPIRED_PER_INSERT)],
        ),
        Step::new(
            "insert into idempotency_keys as stored (caller, key, request, response, created_at) \
             values ($1, $2, $3, $4, $5) on conflict (caller, key) do update set request = excluded.request, \
             response = excluded.response, created_at = excluded.created_at where stored.created_at < $6",
            values![
                response.caller,
                response.key,
                response.request.to_vec(),
                response.response,
                signed(response.created_at),
                expired_before
            ],
        )
        .or(StoreError::IdempotencyKeyTaken),
    ]
}
