//! When devices are to be woken again, in PostgreSQL. Replicas share this work: what one claims, the others pass over.

use super::{PostgresStore, connection::Ask as _, rows::signed};
use crate::store::{FIRST_PAUSE, LONGEST_PAUSE, StoreError, WakeUps};
use async_trait::async_trait;
use mdm_wire::time::Timestamp;

#[async_trait]
impl WakeUps for PostgresStore {
    async fn claim_wake_ups(&self, now: Timestamp, most: u32) -> Result<Vec<String>, StoreError> {
        let query = "update outbox set wake_at = $1 + greatest($3, least($2, $1 - commands.requested_at)) \
             from commands where commands.id = outbox.command and outbox.command in \
             (select command from outbox where sealed is not null and (wake_at <= $1 or wake_at > $1 + $2) \
             limit $4 for update skip locked) returning outbox.device";
        let claim = [
            signed(now),
            signed(LONGEST_PAUSE),
            signed(FIRST_PAUSE),
            i64::from(most),
        ];
        let claimed = self.reader().await?;
        let rows = claimed
            .rows(query, &[&claim[0], &claim[1], &claim[2], &claim[3]])
            .await?;
        rows.iter().map(|row| Ok(row.try_get("device")?)).collect()
    }
}
