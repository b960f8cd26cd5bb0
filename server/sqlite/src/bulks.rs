//! Bulks in SQLite.

use super::{
    SqliteStore, audit,
    rows::{self, COMMAND_COLUMNS, DEVICE_COLUMNS},
};
use crate::error::Error;
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
use rusqlite::{Connection, OptionalExtension as _, Row, params};

const BULK_COLUMNS: &str = "id, action, group_name, devices, different_passwords, sealed_password, \
    options, terms, reason, requested_by, principal, address, requested_at, approved_by, state, taken_back_by, ended_at";

/// The statuses in which a command did not come to nothing, as they lie in the store.
const NO_FAILURES: &str = "('\"pending\"', '\"success\"')";

#[async_trait]
impl Bulks for SqliteStore {
    async fn add_bulk(&self, bulk: Bulk, audit: RequestRecord) -> Result<(), StoreError> {
        self.writer
            .run(move |connection| {
                connection.execute(
                    &format!(
                        "insert into bulks ({BULK_COLUMNS}) \
                         values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                    ),
                    params![
                        bulk.id,
                        bulk.action.word(),
                        bulk.group,
                        bulk.devices,
                        bulk.different_passwords,
                        bulk.sealed_password,
                        rows::to_json(&bulk.options)?,
                        rows::to_json(&bulk.terms)?,
                        bulk.reason,
                        bulk.requested_by.to_string(),
                        bulk.principal.to_string(),
                        bulk.address,
                        bulk.requested_at,
                        bulk.approved_by.as_ref().map(ToString::to_string),
                        bulk.state.word(),
                        bulk.taken_back_by.as_ref().map(ToString::to_string),
                        bulk.ended_at,
                    ],
                )?;
                audit::write(connection, &audit)
            })
            .await
    }

    async fn bulk(&self, id: &str) -> Result<Option<Bulk>, StoreError> {
        let id = id.to_owned();
        self.read(move |connection| {
            let query = format!("select {BULK_COLUMNS} from bulks where id = ?");
            let mut query = connection.prepare_cached(&query)?;
            Ok(query.query_row([id], bulk).optional()?)
        })
        .await
    }

    async fn bulks(
        &self,
        reach: &Reach,
        before: Option<&str>,
        most: u32,
    ) -> Result<Vec<Bulk>, StoreError> {
        let reach = reach.0.as_ref().map(rows::to_json);
        let reach = reach.transpose().map_err(Error::from)?;
        let before = before.map(str::to_owned);
        let condition = "(?1 is null or group_name in (select value from json_each(?1))) \
                         and (?2 is null or id < ?2) order by id desc limit ?3";
        self.read(move |connection| select(connection, condition, params![reach, before, most]))
            .await
    }

    async fn bulks_to_run(&self, most: u32) -> Result<Vec<Bulk>, StoreError> {
        let condition = "(state = 'running' or taken_back_by is not null) \
                         and (not different_passwords or taken_back_by is not null) order by id limit ?";
        self.read(move |connection| select(connection, condition, params![most]))
            .await
    }

    async fn bulks_answered(&self, most: u32) -> Result<Vec<Bulk>, StoreError> {
        let condition = "state = 'waiting-for-devices' and not exists \
                         (select 1 from commands where bulk = bulks.id and status = '\"pending\"') \
                         order by id limit ?";
        self.read(move |connection| select(connection, condition, params![most]))
            .await
    }

    async fn bulks_waiting(&self, asked_before: Timestamp) -> Result<Vec<Bulk>, StoreError> {
        let condition =
            "state in ('waiting-for-approval', 'waiting-for-download') and requested_at < ?";
        self.read(move |connection| select(connection, condition, params![asked_before]))
            .await
    }

    async fn bulks_unheld(&self) -> Result<Vec<Bulk>, StoreError> {
        let condition = "state = 'running' and different_passwords";
        self.read(move |connection| select(connection, condition, params![]))
            .await
    }

    async fn hold_bulk(&self, _: &str, _: u32) -> Result<(), StoreError> {
        Ok(())
    }

    async fn turn_bulk(
        &self,
        id: &str,
        turn: BulkTurn,
        audit: RequestRecord,
    ) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.writer
            .run(move |connection| {
                let turned = connection.execute(
                    "update bulks set state = ?3, approved_by = coalesce(?4, approved_by), \
                     taken_back_by = coalesce(?5, taken_back_by), \
                     ended_at = case when ?6 then coalesce(ended_at, ?7) end, \
                     sealed_password = case when ?8 then null else sealed_password end \
                     where id = ?1 and state = ?2",
                    params![
                        id,
                        turn.from.word(),
                        turn.to.word(),
                        turn.approved_by.as_ref().map(ToString::to_string),
                        turn.taken_back_by.as_ref().map(ToString::to_string),
                        turn.to.has_ended(),
                        turn.at,
                        turn.to.is_over(),
                    ],
                )?;
                if turned == 1 {
                    audit::write(connection, &audit)?;
                }
                Ok(turned == 1)
            })
            .await
    }

    async fn bulk_has_taken_back(&self, id: &str) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.writer
            .run(move |connection| {
                connection.execute("update bulks set taken_back_by = null where id = ?", [id])?;
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
        let (id, group) = (bulk.id.clone(), bulk.group.clone());
        let after = after.unwrap_or_default().to_owned();
        self.read(move |connection| {
            let transaction = connection.unchecked_transaction()?;
            let devices: Vec<Snapshot> = transaction
                .prepare_cached(&format!(
                    "select {DEVICE_COLUMNS} from devices where id in \
                     (select device from device_groups it where name = ?2 and device > ?3 \
                     and not exists (select 1 from commands where bulk = ?1 and device = it.device) \
                     and not exists (select 1 from bulk_refusals where bulk = ?1 and device = it.device) \
                     order by device limit ?4) order by id"
                ))?
                .query_map(params![id, group, after, most], rows::device)?
                .collect::<Result<_, _>>()?;
            let devices = devices
                .into_iter()
                .map(|device| rows::with_commands(&transaction, device));
            Ok(devices.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn add_no_command(
        &self,
        bulk: &str,
        device: &str,
        why: NoCommand,
    ) -> Result<(), StoreError> {
        let (bulk, device) = (bulk.to_owned(), device.to_owned());
        self.writer
            .run(move |connection| {
                connection
                    .prepare_cached(
                        "insert or ignore into bulk_refusals (bulk, device, kind, detail) \
                         select ?1, ?2, ?3, ?4 where not exists \
                         (select 1 from commands where bulk = ?1 and device = ?2)",
                    )?
                    .execute(params![bulk, device, why.kind, why.detail])?;
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
        let (bulk, after) = (bulk.to_owned(), after.unwrap_or_default().to_owned());
        let filter = match only_failures {
            true => format!("and status not in {NO_FAILURES}"),
            false => String::new(),
        };
        self.read(move |connection| {
            let mut query = connection.prepare_cached(&format!(
                "select answers.device, devices.name, kind, detail, {COMMAND_COLUMNS} from \
                 (select device, id as command, null as kind, null as detail from commands \
                 where bulk = ?1 and device > ?2 {filter} \
                 union all select device, null, kind, detail from bulk_refusals \
                 where bulk = ?1 and device > ?2 order by device limit ?3) answers \
                 join devices on devices.id = answers.device \
                 left join commands on commands.id = answers.command order by answers.device"
            ))?;
            let answers = query.query_map(params![bulk, after, most], |row| {
                let kind: Option<String> = row.get("kind")?;
                Ok(BulkAnswer {
                    device: row.get("device")?,
                    name: row.get("name")?,
                    answer: match kind {
                        None => Ok(rows::command(row)?),
                        Some(kind) => Err(NoCommand {
                            kind,
                            detail: row.get("detail")?,
                        }),
                    },
                })
            })?;
            Ok(answers.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn bulk_pending(
        &self,
        bulk: &str,
        after: Option<&str>,
        most: u32,
    ) -> Result<Vec<(String, CommandId)>, StoreError> {
        let (bulk, after) = (bulk.to_owned(), after.unwrap_or_default().to_owned());
        self.read(move |connection| {
            let mut query = connection.prepare_cached(
                "select device, id from commands where bulk = ? and device > ? and is_pending \
                 order by device limit ?",
            )?;
            let pending = query.query_map(params![bulk, after, most], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
            Ok(pending.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn bulk_progress(&self, bulk: &str) -> Result<BulkProgress, StoreError> {
        let bulk = bulk.to_owned();
        self.read(move |connection| {
            let mut query = connection.prepare_cached(&format!(
                "select {PROGRESS}, (select count(*) from bulk_refusals where bulk = ?1) as refused \
                 from commands where bulk = ?1"
            ))?;
            Ok(query.query_row([bulk], |row| {
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
            })?)
        })
        .await
    }

    async fn bulk_failures(&self, bulk: &str, most: u32) -> Result<Vec<BulkFailures>, StoreError> {
        let bulk = bulk.to_owned();
        self.read(move |connection| {
            // The texts of one kind of refusal may differ from device to device: one of them stands for all.
            let mut query = connection.prepare_cached(&format!(
                "select min(status) as status, null as kind, null as detail, count(*) as number from commands \
                 where bulk = ?1 and status not in {NO_FAILURES} group by {WHY} \
                 union all select null, kind, min(detail), count(*) from bulk_refusals \
                 where bulk = ?1 group by kind order by number desc limit ?2"
            ))?;
            let failures = query.query_map(params![bulk, most], |row| {
                let kind: Option<String> = row.get("kind")?;
                Ok(BulkFailures {
                    why: match kind {
                        None => Ok(rows::json::<Status>(row, "status")?),
                        Some(kind) => Err(NoCommand {
                            kind,
                            detail: row.get("detail")?,
                        }),
                    },
                    devices: row.get("number")?,
                })
            })?;
            Ok(failures.collect::<Result<_, _>>()?)
        })
        .await
    }
}

fn select(
    connection: &Connection,
    condition: &str,
    values: &[&dyn rusqlite::ToSql],
) -> Result<Vec<Bulk>, Error> {
    let query = format!("select {BULK_COLUMNS} from bulks where {condition}");
    let mut query = connection.prepare_cached(&query)?;
    let bulks = query.query_map(values, bulk)?;
    Ok(bulks.collect::<Result<_, _>>()?)
}

fn bulk(row: &Row<'_>) -> rusqlite::Result<Bulk> {
    Ok(Bulk {
        id: row.get("id")?,
        action: rows::word::<Action>(row, "action")?,
        group: row.get("group_name")?,
        devices: row.get("devices")?,
        different_passwords: row.get("different_passwords")?,
        sealed_password: row.get("sealed_password")?,
        options: rows::json(row, "options")?,
        terms: rows::json(row, "terms")?,
        reason: row.get("reason")?,
        requested_by: rows::word(row, "requested_by")?,
        principal: rows::word(row, "principal")?,
        address: row.get("address")?,
        requested_at: row.get("requested_at")?,
        approved_by: rows::optional_word(row, "approved_by")?,
        state: rows::word::<BulkState>(row, "state")?,
        taken_back_by: rows::optional_word(row, "taken_back_by")?,
        ended_at: row.get("ended_at")?,
    })
}
