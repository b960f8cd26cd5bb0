//! Bulks in SQL.

use super::{
    Dialect, Engine, Value,
    records::{BULK_COLUMNS, COMMAND_COLUMNS, bulk, command, device_error},
};
use crate::{
    access::DeviceScope,
    store::{
        Bulk, BulkAnswer, BulkFailures, BulkProgress, BulkTransition, Bulks, Changes, DeviceError,
        RequestRecord, Snapshot, StoreError,
        bulk_progress::{PROGRESS, WHY},
    },
};
use async_trait::async_trait;
use mdm_contract::{CommandId, time::Timestamp};

/// The statuses of commands that did not fail, as the store has them.
const NO_FAILURES: &str = "('\"pending\"', '\"success\"')";

/// The time by PostgreSQL's clock, in milliseconds, because servers' clocks differ.
const NOW: &str = "(extract(epoch from clock_timestamp()) * 1000)::bigint";

/// The condition that no server holds the download of a bulk. SQLite has one server, which knows its own downloads.
fn is_lease_expired(dialect: Dialect) -> String {
    match dialect {
        Dialect::Sqlite => "true".to_owned(),
        Dialect::Postgres => format!("lease_expires_at < {NOW}"),
    }
}

#[async_trait]
impl<E: Engine> Bulks for E {
    async fn add_bulk(&self, bulk: Bulk, audit: RequestRecord) -> Result<(), StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                let sql = format!(
                    "insert into bulks ({BULK_COLUMNS}) values \
                     ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"
                );
                let values = [
                    bulk.id.as_str().into(),
                    bulk.action.as_str().into(),
                    bulk.group.into(),
                    bulk.devices.into(),
                    bulk.unique_passwords.into(),
                    bulk.sealed_password.into(),
                    Value::json(&bulk.options)?,
                    Value::json(&bulk.terms)?,
                    bulk.reason.into(),
                    bulk.requested_by.to_string().into(),
                    bulk.principal.to_string().into(),
                    bulk.address.into(),
                    bulk.requested_at.into(),
                    bulk.approved_by.as_ref().map(ToString::to_string).into(),
                    bulk.state.as_str().into(),
                    bulk.cancel_requested_by
                        .as_ref()
                        .map(ToString::to_string)
                        .into(),
                    bulk.ended_at.into(),
                ];
                tx.execute(&sql, &values).await?;
                tx.tell(changed(bulk.id));
                tx.audit(audit).await
            })
        })
        .await
    }

    async fn bulk(&self, id: &str) -> Result<Option<Bulk>, StoreError> {
        let found = select(self, "id = $1", &[id.into()]).await?;
        Ok(found.into_iter().next())
    }

    async fn bulks(
        &self,
        scope: &DeviceScope,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Bulk>, StoreError> {
        let groups = scope.0.as_ref();
        let groups: Option<Vec<String>> = groups.map(|groups| groups.iter().cloned().collect());
        let is_all = E::DIALECT.choose("$1 is null", "cast($1 as text[]) is null");
        let is_in = E::DIALECT.is_in("group_name", "$1");
        let condition = format!(
            "({is_all} or {is_in}) and (cast($2 as text) is null or id < $2) order by id desc limit $3"
        );
        select(
            self,
            &condition,
            &[groups.into(), before.into(), limit.into()],
        )
        .await
    }

    async fn bulks_to_run(&self, limit: u32) -> Result<Vec<Bulk>, StoreError> {
        let condition = "(state = 'running' or cancel_requested_by is not null) \
                         and (not unique_passwords or cancel_requested_by is not null) order by id limit $1";
        select(self, condition, &[limit.into()]).await
    }

    async fn bulks_answered(&self, limit: u32) -> Result<Vec<Bulk>, StoreError> {
        // One index look-up per bulk: with `not exists`, PostgreSQL would join over all commands.
        let condition = "state = 'waiting-for-devices' and (select id from commands \
                         where bulk = bulks.id and status = '\"pending\"' limit 1) is null order by id limit $1";
        select(self, condition, &[limit.into()]).await
    }

    async fn bulks_waiting(&self, asked_before: Timestamp) -> Result<Vec<Bulk>, StoreError> {
        let condition =
            "state in ('waiting-for-approval', 'waiting-for-download') and requested_at < $1";
        select(self, condition, &[asked_before.into()]).await
    }

    async fn bulks_with_expired_lease(&self) -> Result<Vec<Bulk>, StoreError> {
        let is_lease_expired = is_lease_expired(E::DIALECT);
        let condition = format!("state = 'running' and unique_passwords and {is_lease_expired}");
        select(self, &condition, &[]).await
    }

    async fn renew_lease(&self, id: &str, milliseconds: u32) -> Result<(), StoreError> {
        if E::DIALECT == Dialect::Sqlite {
            return Ok(());
        }
        let id = id.to_owned();
        self.write(move |tx| {
            Box::pin(async move {
                let sql = format!("update bulks set lease_expires_at = {NOW} + $1 where id = $2");
                tx.execute(&sql, &[milliseconds.into(), id.into()]).await?;
                Ok(())
            })
        })
        .await
    }

    async fn transition_bulk(
        &self,
        id: &str,
        turn: BulkTransition,
        audit: RequestRecord,
    ) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.write(move |tx| {
            Box::pin(async move {
                let sql = format!(
                    "update bulks set state = $3, approved_by = coalesce($4, approved_by), \
                     cancel_requested_by = coalesce($5, cancel_requested_by), \
                     ended_at = case when $6 then coalesce(ended_at, $7) end, \
                     sealed_password = case when $9 then null else sealed_password end \
                     where id = $1 and state = $2 and ({} or not $8)",
                    is_lease_expired(E::DIALECT)
                );
                let values = [
                    id.as_str().into(),
                    turn.from.as_str().into(),
                    turn.to.as_str().into(),
                    turn.approved_by.as_ref().map(ToString::to_string).into(),
                    turn.cancel_requested_by
                        .as_ref()
                        .map(ToString::to_string)
                        .into(),
                    turn.to.has_ended().into(),
                    turn.at.into(),
                    turn.if_lease_expired.into(),
                    turn.to.is_over().into(),
                ];
                let turned = tx.execute(&sql, &values).await?;
                tx.tell(changed(id));
                tx.audit_if_done(turned, audit).await
            })
        })
        .await
    }

    async fn bulk_has_cancelled(&self, id: &str) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.write(move |tx| {
            Box::pin(async move {
                let sql = "update bulks set cancel_requested_by = null where id = $1";
                tx.execute(sql, &[id.as_str().into()]).await?;
                tx.tell(changed(id));
                Ok(())
            })
        })
        .await
    }

    async fn bulk_to_do(
        &self,
        bulk: &Bulk,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Snapshot>, StoreError> {
        let ids = "select device from device_groups it where name = $2 and device > $3 \
                   and not exists (select 1 from commands where bulk = $1 and device = it.device) \
                   and not exists (select 1 from bulk_refusals where bulk = $1 and device = it.device) \
                   order by device limit $4";
        let values = [
            bulk.id.as_str().into(),
            bulk.group.as_str().into(),
            after.unwrap_or_default().into(),
            limit.into(),
        ];
        self.snapshots(ids, &values).await
    }

    async fn add_device_error(
        &self,
        bulk: &str,
        device: &str,
        why: DeviceError,
    ) -> Result<(), StoreError> {
        let (bulk, device) = (bulk.to_owned(), device.to_owned());
        self.write(move |tx| {
            Box::pin(async move {
                tx.execute(
                    "insert into bulk_refusals (bulk, device, kind, detail) \
                     select $1, $2, $3, $4 where not exists \
                     (select 1 from commands where bulk = $1 and device = $2) on conflict do nothing",
                    &[
                        bulk.as_str().into(),
                        device.into(),
                        why.kind.into(),
                        why.detail.into(),
                    ],
                )
                .await?;
                tx.tell(changed(bulk));
                Ok(())
            })
        })
        .await
    }

    async fn bulk_answers(
        &self,
        bulk: &str,
        only_failures: bool,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<BulkAnswer>, StoreError> {
        let filter = match only_failures {
            true => format!("and status not in {NO_FAILURES}"),
            false => String::new(),
        };
        let sql = format!(
            "select answers.device, devices.name, kind, detail, {COMMAND_COLUMNS} from \
             (select device, id as command, cast(null as text) as kind, cast(null as text) as detail from commands \
             where bulk = $1 and device > $2 {filter} \
             union all select device, null, kind, detail from bulk_refusals \
             where bulk = $1 and device > $2 order by device limit $3) answers \
             join devices on devices.id = answers.device \
             left join commands on commands.id = answers.command order by answers.device"
        );
        let values = [bulk.into(), after.unwrap_or_default().into(), limit.into()];
        let rows = self.query(&sql, &values).await?;
        let answers = rows.iter().map(|row| {
            Ok(BulkAnswer {
                device: row.get("device")?,
                name: row.get("name")?,
                answer: match device_error(row)? {
                    None => Ok(command(row)?),
                    Some(why) => Err(why),
                },
            })
        });
        answers.collect()
    }

    async fn bulk_pending(
        &self,
        bulk: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<(String, CommandId)>, StoreError> {
        let sql = "select device, id from commands where bulk = $1 and device > $2 and is_pending \
                   order by device limit $3";
        let values = [bulk.into(), after.unwrap_or_default().into(), limit.into()];
        let rows = self.query(sql, &values).await?;
        let pending = rows
            .iter()
            .map(|row| Ok((row.get("device")?, row.get("id")?)));
        pending.collect()
    }

    async fn bulk_progress(&self, bulk: &str) -> Result<BulkProgress, StoreError> {
        let sql = format!(
            "select {PROGRESS}, (select count(*) from bulk_refusals where bulk = $1) as refused \
             from commands where bulk = $1"
        );
        let rows = self.query(&sql, &[bulk.into()]).await?;
        let Some(row) = rows.first() else {
            return Ok(BulkProgress::default());
        };
        let counted = BulkProgress {
            pending: row.get("pending")?,
            success: row.get("success")?,
            failed: 0,
            cancelled: row.get("cancelled")?,
            expired: row.get("expired")?,
            superseded: row.get("superseded")?,
            refused: row.get("refused")?,
        };
        Ok(counted.of_commands(row.get("commands")?))
    }

    async fn bulk_failures(&self, bulk: &str, limit: u32) -> Result<Vec<BulkFailures>, StoreError> {
        // Texts of one kind of refusal may differ by device: one of them represents the group.
        let sql = format!(
            "select min(status) as status, cast(null as text) as kind, cast(null as text) as detail, \
             count(*) as number from commands \
             where bulk = $1 and status not in {NO_FAILURES} group by {WHY} \
             union all select null, kind, min(detail), count(*) from bulk_refusals \
             where bulk = $1 group by kind order by number desc limit $2"
        );
        let rows = self.query(&sql, &[bulk.into(), limit.into()]).await?;
        let failures = rows.iter().map(|row| {
            Ok(BulkFailures {
                why: match device_error(row)? {
                    None => Ok(row.json("status")?),
                    Some(why) => Err(why),
                },
                devices: row.get("number")?,
            })
        });
        failures.collect()
    }
}

async fn select(
    engine: &impl Engine,
    condition: &str,
    values: &[Value],
) -> Result<Vec<Bulk>, StoreError> {
    let sql = format!("select {BULK_COLUMNS} from bulks where {condition}");
    let rows = engine.query(&sql, values).await?;
    rows.iter().map(bulk).collect()
}

/// The message to other replicas.
fn changed(bulk: String) -> Changes {
    Changes {
        bulks: [bulk].into(),
        ..Changes::default()
    }
}
