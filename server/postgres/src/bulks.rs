//! Bulks in PostgreSQL.

use super::{
    PostgresStore,
    connection::Ask as _,
    rows::{self, COMMAND_COLUMNS, SNAPSHOTS, number, optional_number, optional_signed, signed},
};
use crate::rows::Columns as _;
use async_trait::async_trait;
use mdm_contract::{
    decisions::Status,
    time::Timestamp,
    words::{Action, CommandId},
};
use mdm_server_core::{
    access::Reach,
    store::{
        Bulk, BulkAnswer, BulkFailures, BulkProgress, BulkState, BulkTurn, Bulks, NoCommand,
        RequestRecord, Snapshot, StoreError,
        bulk_progress::{PROGRESS, WHY},
    },
};
use tokio_postgres::{Row, types::ToSql};

const BULK_COLUMNS: &str = "id, action, group_name, devices, different_passwords, sealed_password, \
    options, terms, reason, requested_by, principal, address, requested_at, approved_by, state, taken_back_by, ended_at";

/// The statuses in which a command did not come to nothing, as they lie in the store.
const NO_FAILURES: &str = "('\"pending\"', '\"success\"')";

/// The time by the database's clock.
const NOW: &str = "(extract(epoch from clock_timestamp()) * 1000)::bigint";

#[async_trait]
impl Bulks for PostgresStore {
    async fn add_bulk(&self, bulk: Bulk, audit: RequestRecord) -> Result<(), StoreError> {
        self.writer
            .run(move |batch| async move {
                let insert = format!(
                    "insert into bulks ({BULK_COLUMNS}) \
                     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"
                );
                batch
                    .write(
                        &insert,
                        &[
                            &bulk.id,
                            &bulk.action.word(),
                            &bulk.group,
                            &signed(bulk.devices),
                            &bulk.different_passwords,
                            &bulk.sealed_password,
                            &rows::to_json(&bulk.options)?,
                            &rows::to_json(&bulk.terms)?,
                            &bulk.reason,
                            &bulk.requested_by.to_string(),
                            &bulk.principal.to_string(),
                            &bulk.address,
                            &signed(bulk.requested_at),
                            &bulk.approved_by.as_ref().map(ToString::to_string),
                            &bulk.state.word(),
                            &bulk.taken_back_by.as_ref().map(ToString::to_string),
                            &optional_signed(bulk.ended_at),
                        ],
                    )
                    .await?;
                batch.tell(|told| {
                    told.bulks.insert(bulk.id);
                });
                batch.audit(audit).await
            })
            .await
    }

    async fn bulk(&self, id: &str) -> Result<Option<Bulk>, StoreError> {
        let query = format!("select {BULK_COLUMNS} from bulks where id = $1");
        let row = self.reader().await?.row_if_any(&query, &[&id]).await?;
        row.as_ref().map(bulk).transpose()
    }

    async fn bulks(
        &self,
        reach: &Reach,
        before: Option<&str>,
        most: u32,
    ) -> Result<Vec<Bulk>, StoreError> {
        let reach: Option<Vec<&String>> = reach.0.as_ref().map(|groups| groups.iter().collect());
        self.select_bulks(
            "($1::text[] is null or group_name = any($1)) and ($2::text is null or id < $2) \
             order by id desc limit $3",
            &[&reach, &before, &i64::from(most)],
        )
        .await
    }

    async fn bulks_to_run(&self, most: u32) -> Result<Vec<Bulk>, StoreError> {
        self.select_bulks(
            "(state = 'running' or taken_back_by is not null) \
             and (not different_passwords or taken_back_by is not null) order by id limit $1",
            &[&i64::from(most)],
        )
        .await
    }

    async fn bulks_answered(&self, most: u32) -> Result<Vec<Bulk>, StoreError> {
        // A look into the index for each bulk: the planner would make a join of `not exists`, over all commands.
        self.select_bulks(
            "state = 'waiting-for-devices' and (select id from commands \
             where bulk = bulks.id and status = '\"pending\"' limit 1) is null order by id limit $1",
            &[&i64::from(most)],
        )
        .await
    }

    async fn bulks_waiting(&self, asked_before: Timestamp) -> Result<Vec<Bulk>, StoreError> {
        self.select_bulks(
            "state in ('waiting-for-approval', 'waiting-for-download') and requested_at < $1",
            &[&signed(asked_before)],
        )
        .await
    }

    async fn bulks_unheld(&self) -> Result<Vec<Bulk>, StoreError> {
        let condition = format!("state = 'running' and different_passwords and held_until < {NOW}");
        self.select_bulks(&condition, &[]).await
    }

    async fn hold_bulk(&self, id: &str, milliseconds: u32) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.writer
            .run(move |batch| async move {
                let hold = format!("update bulks set held_until = {NOW} + $1 where id = $2");
                batch.write(&hold, &[&i64::from(milliseconds), &id]).await?;
                Ok(())
            })
            .await
    }

    async fn turn_bulk(
        &self,
        id: &str,
        turn: BulkTurn,
        audit: RequestRecord,
    ) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.writer
            .run(move |batch| async move {
                let update = format!(
                    "update bulks set state = $3, approved_by = coalesce($4, approved_by), \
                     taken_back_by = coalesce($5, taken_back_by), \
                     ended_at = case when $6 then coalesce(ended_at, $7) end, \
                     sealed_password = case when $9 then null else sealed_password end \
                     where id = $1 and state = $2 and (held_until < {NOW} or not $8)"
                );
                let turned = batch
                    .write(
                        &update,
                        &[
                            &id,
                            &turn.from.word(),
                            &turn.to.word(),
                            &turn.approved_by.as_ref().map(ToString::to_string),
                            &turn.taken_back_by.as_ref().map(ToString::to_string),
                            &turn.to.has_ended(),
                            &signed(turn.at),
                            &turn.if_unheld,
                            &turn.to.is_over(),
                        ],
                    )
                    .await?;
                batch.tell(|told| {
                    told.bulks.insert(id);
                });
                batch.audit_if_done(turned, audit).await
            })
            .await
    }

    async fn bulk_has_taken_back(&self, id: &str) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.writer
            .run(move |batch| async move {
                let note = "update bulks set taken_back_by = null where id = $1";
                batch.write(note, &[&id]).await?;
                batch.tell(|told| {
                    told.bulks.insert(id);
                });
                Ok(())
            })
            .await
    }

    async fn bulk_to_do(
        &self,
        bulk: &Bulk,
        after: Option<&str>,
        most: u32,
    ) -> Result<Vec<Snapshot>, StoreError> {
        let query = format!(
            "{SNAPSHOTS} where d.id = any(array(select device from device_groups it \
             where name = $2 and device > $3 \
             and not exists (select 1 from commands where bulk = $1 and device = it.device) \
             and not exists (select 1 from bulk_refusals where bulk = $1 and device = it.device) \
             order by device limit $4)) order by d.id"
        );
        let after = after.unwrap_or_default();
        let reader = self.reader().await?;
        let rows = reader
            .rows(&query, &[&bulk.id, &bulk.group, &after, &i64::from(most)])
            .await?;
        rows.iter().map(rows::snapshot).collect()
    }

    async fn add_no_command(
        &self,
        bulk: &str,
        device: &str,
        why: NoCommand,
    ) -> Result<(), StoreError> {
        let (bulk, device) = (bulk.to_owned(), device.to_owned());
        self.writer
            .run(move |batch| async move {
                batch
                    .write(
                        "insert into bulk_refusals (bulk, device, kind, detail) \
                         select $1, $2, $3, $4 where not exists \
                         (select 1 from commands where bulk = $1 and device = $2) on conflict do nothing",
                        &[&bulk, &device, &why.kind, &why.detail],
                    )
                    .await?;
                batch.tell(|told| {
                    told.bulks.insert(bulk);
                });
                Ok(())
            })
            .await
    }

    async fn bulk_answers(
        &self,
        bulk: &str,
        only_failures: bool,
        after: Option<&str>,
        most: u32,
    ) -> Result<Vec<BulkAnswer>, StoreError> {
        let filter = match only_failures {
            true => format!("and status not in {NO_FAILURES}"),
            false => String::new(),
        };
        let query = format!(
            "select answers.device, devices.name, kind, detail, {COMMAND_COLUMNS} from \
             (select device, id as command, null::text as kind, null::text as detail from commands \
             where bulk = $1 and device > $2 {filter} \
             union all select device, null, kind, detail from bulk_refusals \
             where bulk = $1 and device > $2 order by device limit $3) answers \
             join devices on devices.id = answers.device \
             left join commands on commands.id = answers.command order by answers.device"
        );
        let after = after.unwrap_or_default();
        let reader = self.reader().await?;
        let rows = reader
            .rows(&query, &[&bulk, &after, &i64::from(most)])
            .await?;
        rows.iter()
            .map(|row| {
                Ok(BulkAnswer {
                    device: row.column("device")?,
                    name: row.column("name")?,
                    answer: match no_command(row)? {
                        None => Ok(rows::command(row)?),
                        Some(why) => Err(why),
                    },
                })
            })
            .collect()
    }

    async fn bulk_pending(
        &self,
        bulk: &str,
        after: Option<&str>,
        most: u32,
    ) -> Result<Vec<(String, CommandId)>, StoreError> {
        let after = after.unwrap_or_default();
        let reader = self.reader().await?;
        let rows = reader
            .rows(
                "select device, id from commands where bulk = $1 and device > $2 and is_pending \
                 order by device limit $3",
                &[&bulk, &after, &i64::from(most)],
            )
            .await?;
        rows.iter()
            .map(|row| Ok((row.column(0)?, row.column(1)?)))
            .collect()
    }

    async fn bulk_progress(&self, bulk: &str) -> Result<BulkProgress, StoreError> {
        let query = format!(
            "select {PROGRESS}, (select count(*) from bulk_refusals where bulk = $1) as refused \
             from commands where bulk = $1"
        );
        let row = self.reader().await?.row(&query, &[&bulk]).await?;
        let counted = BulkProgress {
            pending: number(&row, "pending")?,
            success: number(&row, "success")?,
            failed: 0,
            cancelled: number(&row, "cancelled")?,
            expired: number(&row, "expired")?,
            superseded: number(&row, "superseded")?,
            refused: number(&row, "refused")?,
        };
        Ok(counted.of_commands(number(&row, "commands")?))
    }

    async fn bulk_failures(&self, bulk: &str, most: u32) -> Result<Vec<BulkFailures>, StoreError> {
        // The texts of one kind of refusal may differ from device to device: one of them stands for all.
        let query = format!(
            "select min(status) as status, null::text as kind, null::text as detail, count(*) as number from commands \
             where bulk = $1 and status not in {NO_FAILURES} group by {WHY} \
             union all select null, kind, min(detail), count(*) from bulk_refusals \
             where bulk = $1 group by kind order by number desc limit $2"
        );
        let reader = self.reader().await?;
        let rows = reader.rows(&query, &[&bulk, &i64::from(most)]).await?;
        rows.iter()
            .map(|row| {
                Ok(BulkFailures {
                    why: match no_command(row)? {
                        None => Ok(rows::json::<Status>(row, "status")?),
                        Some(why) => Err(why),
                    },
                    devices: number(row, "number")?,
                })
            })
            .collect()
    }
}

impl PostgresStore {
    async fn select_bulks(
        &self,
        condition: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Bulk>, StoreError> {
        let query = format!("select {BULK_COLUMNS} from bulks where {condition}");
        let rows = self.reader().await?.rows(&query, values).await?;
        rows.iter().map(bulk).collect()
    }
}

fn no_command(row: &Row) -> Result<Option<NoCommand>, StoreError> {
    let kind: Option<String> = row.column("kind")?;
    let why = kind.map(|kind| {
        Ok(NoCommand {
            kind,
            detail: row.column("detail")?,
        })
    });
    why.transpose()
}

fn bulk(row: &Row) -> Result<Bulk, StoreError> {
    Ok(Bulk {
        id: row.column("id")?,
        action: rows::word::<Action>(row, "action")?,
        group: row.column("group_name")?,
        devices: number(row, "devices")?,
        different_passwords: row.column("different_passwords")?,
        sealed_password: row.column("sealed_password")?,
        options: rows::json(row, "options")?,
        terms: rows::json(row, "terms")?,
        reason: row.column("reason")?,
        requested_by: rows::word(row, "requested_by")?,
        principal: rows::word(row, "principal")?,
        address: row.column("address")?,
        requested_at: number(row, "requested_at")?,
        approved_by: rows::optional_word(row, "approved_by")?,
        state: rows::word::<BulkState>(row, "state")?,
        taken_back_by: rows::optional_word(row, "taken_back_by")?,
        ended_at: optional_number(row, "ended_at")?,
    })
}
