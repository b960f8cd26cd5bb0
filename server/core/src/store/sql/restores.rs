//! Restores in SQL.

use super::{Engine, Tx};
use crate::{
    audit::AuditEntry,
    store::{Changes, RestoreState, Restores, StoreError},
};
use async_trait::async_trait;
use mdm_contract::CommandId;

#[async_trait]
impl<E: Engine> Restores for E {
    async fn restore_state(&self) -> Result<RestoreState, StoreError> {
        let sql = "select epoch, undecided_since, (select count(*) from outbox where is_held) as held from host";
        let rows = self.look_up(sql, &[]).await?;
        let Some(row) = rows.first() else {
            return Ok(RestoreState {
                epoch: 1,
                undecided_since: None,
                held: 0,
            });
        };
        Ok(RestoreState {
            epoch: row.get("epoch")?,
            undecided_since: row.get("undecided_since")?,
            held: row.get("held")?,
        })
    }

    async fn begin_epoch(&self, from: u64, to: u64, entry: AuditEntry) -> Result<bool, StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                let sql = "update host set epoch = $1, undecided_since = $2 where epoch = $3";
                let values = [to.into(), entry.at.into(), from.into()];
                let begun = tx.execute(sql, &values).await?;
                if begun > 0 {
                    tx.execute("update outbox set is_held = true", &[]).await?;
                }
                tx.audit_if_done(begun, entry.into()).await
            })
        })
        .await
    }

    async fn held_commands(
        &self,
        after: Option<&CommandId>,
        limit: u32,
    ) -> Result<Vec<(String, CommandId)>, StoreError> {
        let after = after.map_or("", String::as_str);
        let sql = "select device, command from outbox where is_held and command > $1 order by command limit $2";
        let rows = self.query(sql, &[after.into(), limit.into()]).await?;
        let held = rows
            .iter()
            .map(|row| Ok((row.get("device")?, row.get("command")?)));
        held.collect()
    }

    async fn release_held(&self, entry: AuditEntry) -> Result<Vec<String>, StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                let sql = "update outbox set is_held = false where is_held returning device";
                let rows = tx.query(sql, &[]).await?;
                let devices = rows.iter().map(|row| row.get("device"));
                let devices = devices.collect::<Result<Vec<String>, _>>()?;
                let ended = end(tx).await?;
                tx.tell(Changes {
                    devices: devices.iter().cloned().collect(),
                    ..Changes::default()
                });
                let changed = ended + devices.len() as u64;
                tx.audit_if_done(changed, entry.into()).await?;
                Ok(devices)
            })
        })
        .await
    }

    async fn end_restore(&self, entry: AuditEntry) -> Result<bool, StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                let held = "select 1 from outbox where is_held limit 1";
                if tx.exists(held, &[]).await? {
                    return Ok(false);
                }
                let ended = end(tx).await?;
                tx.audit_if_done(ended, entry.into()).await?;
                Ok(true)
            })
        })
        .await
    }
}

/// Ends the restore state. Returns 0 if there was none.
async fn end(tx: &mut (dyn Tx + '_)) -> Result<u64, StoreError> {
    let sql = "update host set undecided_since = null where undecided_since is not null";
    tx.execute(sql, &[]).await
}
