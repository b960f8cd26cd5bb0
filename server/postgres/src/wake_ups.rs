//! The schedule of repeated wake-ups in PostgreSQL. Replicas share this work: each skips the claims of others.

use super::{PostgresStore, connection::Executor as _, rows::to_i64};
use crate::rows::Columns as _;
use async_trait::async_trait;
use mdm_contract::time::Timestamp;
use mdm_server_core::store::{FIRST_PAUSE, MAX_BACKOFF, StoreError, WakeUps};

#[async_trait]
impl WakeUps for PostgresStore {
    async fn claim_wake_ups(&self, now: Timestamp, limit: u32) -> Result<Vec<String>, StoreError> {
        let connection = self.reader().await?;
        let mut devices = Vec::new();
        // Two questions, each in the order of the index: of one with `or`, all of the outbox would be read.
        for due in [
            "wake_at <= $1 order by wake_at",
            // The clock has gone back since.
            "wake_at > $1::bigint + $2 order by wake_at desc",
        ] {
            let query = format!(
                "update outbox set wake_at = $1 + greatest($3, least($2, $1 - commands.requested_at)) \
                 from commands where commands.id = outbox.command and outbox.command in \
                 (select command from outbox where sealed is not null and {due} \
                 limit $4 for update skip locked) returning outbox.device"
            );
            let rows = connection
                .rows(
                    &query,
                    &[
                        &to_i64(now),
                        &to_i64(MAX_BACKOFF),
                        &to_i64(FIRST_PAUSE),
                        &(i64::from(limit) - devices.len() as i64),
                    ],
                )
                .await?;
            for row in rows {
                devices.push(row.column("device")?);
            }
        }
        Ok(devices)
    }
}
