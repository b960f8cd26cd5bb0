//! Events for webhooks in SQLite, written with what happened.

use super::rows;
use crate::error::Error;
use mdm_contract::{decisions::Command, time::Timestamp};
use mdm_server_core::{
    change::Change,
    event::{About, EventKind},
    store::sql::COMMAND_COLUMNS,
};
use rusqlite::{Connection, params};
use uuid::Uuid;

/// Writes an event for each change that somebody wants to know of. The changes are made already.
pub(super) fn write_events(
    connection: &Connection,
    device: &str,
    at: Timestamp,
    changes: &[Change],
) -> Result<(), Error> {
    let mut is_wanted = None;
    for change in changes {
        let Some(kind) = EventKind::of(change) else {
            continue;
        };
        let is_wanted = match is_wanted {
            Some(known) => known,
            None => *is_wanted.insert(somebody_listens(connection)?),
        };
        if !is_wanted {
            return Ok(());
        }
        let mut about = about(connection, device)?;
        match change {
            Change::Send { command, .. } => about.command = Some(command.clone()),
            Change::Settle { command, .. } | Change::KeepLateOutcome { command, .. } => {
                about.command = Some(self::command(connection, device, command)?);
            }
            Change::SetPolicyOverride(policy_override) => {
                about.policy = policy(connection, device)?;
                about.policy_override = policy_override.clone();
            }
            _ => {}
        }
        insert_event(connection, kind, at, &about)?;
    }
    Ok(())
}

/// Writes that a device enrolled, if somebody wants to know.
pub(super) fn write_enrolled(
    connection: &Connection,
    device: &str,
    at: Timestamp,
) -> Result<(), Error> {
    match somebody_listens(connection)? {
        true => insert_event(
            connection,
            EventKind::DeviceEnrolled,
            at,
            &about(connection, device)?,
        ),
        false => Ok(()),
    }
}

fn somebody_listens(connection: &Connection) -> Result<bool, Error> {
    let mut query = connection
        .prepare_cached("select exists (select 1 from webhooks where state = 'active')")?;
    Ok(query.query_row([], |row| row.get(0))?)
}

fn about(connection: &Connection, device: &str) -> Result<About, Error> {
    let mut query = connection.prepare_cached(
        "select name, (select json_group_array(name) from device_groups where device = devices.id) \
         as groups from devices where id = ?",
    )?;
    let about = query.query_row([device], |row| {
        Ok(About {
            device: device.to_owned(),
            name: row.get("name")?,
            groups: rows::json(row, "groups")?,
            command: None,
            policy: None,
            policy_override: None,
        })
    });
    Ok(about?)
}

fn command(connection: &Connection, device: &str, id: &str) -> Result<Command, Error> {
    let query = format!("select {COMMAND_COLUMNS} from commands where device = ? and id = ?");
    let mut query = connection.prepare_cached(&query)?;
    Ok(query.query_row([device, id], rows::command)?)
}

fn policy(
    connection: &Connection,
    device: &str,
) -> Result<Option<mdm_contract::words::Policy>, Error> {
    let mut query = connection.prepare_cached("select policy from devices where id = ?")?;
    Ok(query.query_row([device], |row| rows::optional_json(row, "policy"))?)
}

fn insert_event(
    connection: &Connection,
    kind: EventKind,
    at: Timestamp,
    about: &About,
) -> Result<(), Error> {
    connection
        .prepare_cached("insert into webhook_events (id, kind, at, about) values (?, ?, ?, ?)")?
        .execute(params![
            format!("msg_{}", Uuid::now_v7().simple()),
            kind.word(),
            at,
            rows::to_json(about)?
        ])?;
    Ok(())
}
