//! Writes decisions.

use super::{
    audit,
    engine::{Transaction, at_once},
    rows::to_json,
};
use crate::error::Error;
use mdm_agent_protocol::sync::DeviceInfo;
use mdm_contract::{Command, Outcome, PolicyOverride, Status, time::Timestamp};
use mdm_server_core::{
    change::Change,
    store::{
        Commit, FIRST_PAUSE, StatusKind, StoreError,
        sql::{
            Dialect,
            events::{ACTIVE_WEBHOOK, write_events},
        },
    },
};
use rusqlite::{Connection, ffi::SQLITE_CONSTRAINT_UNIQUE, params};

/// Compares the device's version and sets the next one, then writes the changes.
pub(super) fn commit(connection: &mut Connection, commit: &Commit) -> Result<(), Error> {
    let is_current = connection
        .prepare_cached("update devices set version = version + 1 where id = ? and version = ?")?
        .execute(params![commit.device, commit.version])?
        == 1;
    if !is_current {
        return Err(StoreError::Conflict.into());
    }
    if let Some(bulk) = &commit.bulk {
        check_running(connection, bulk)?;
    }
    for change in &commit.changes {
        apply(connection, commit, change)?;
    }
    if connection.prepare_cached(ACTIVE_WEBHOOK)?.exists([])? {
        let (device, at) = (&commit.device, commit.at);
        let mut tx = Transaction { connection };
        at_once(write_events(
            &mut tx,
            Dialect::Sqlite,
            device,
            at,
            &commit.changes,
        ))??;
    }
    if let Some(entry) = &commit.audit {
        audit::write(connection, entry)?;
    }
    Ok(())
}

/// A bulk that was cancelled makes no more commands.
fn check_running(connection: &Connection, bulk: &str) -> Result<(), Error> {
    let is_running = connection
        .prepare_cached("select 1 from bulks where id = ? and state = 'running'")?
        .exists([bulk])?;
    match is_running {
        true => Ok(()),
        false => Err(StoreError::BulkOver.into()),
    }
}

fn apply(connection: &Connection, commit: &Commit, change: &Change) -> Result<(), Error> {
    let (device, at) = (commit.device.as_str(), commit.at);
    match change {
        Change::Send { command, sealed } => {
            insert_command(connection, device, command, commit.bulk.as_deref())?;
            let sealed = sealed.as_ref().map(to_json).transpose()?;
            connection
                .prepare_cached(
                    "insert into outbox (command, device, sealed, wake_at) values (?, ?, ?, ?)",
                )?
                .execute(params![command.id, device, sealed, at + FIRST_PAUSE])?;
        }
        Change::Complete { command, outcome } => {
            complete(connection, device, at, command, outcome)?
        }
        Change::KeepLateOutcome { command, outcome } => {
            connection
                .prepare_cached("update commands set late_outcome = ? where id = ? and device = ?")?
                .execute(params![to_json(outcome)?, command, device])?;
        }
        Change::SetPolicyOverride(policy_override) => {
            let (by, since) = match policy_override {
                Some(PolicyOverride { command, since }) => (Some(command), Some(since)),
                None => (None, None),
            };
            connection
                .prepare_cached(
                    "update devices set policy_override_command = ?, policy_override_since = ? \
                     where id = ?",
                )?
                .execute(params![by, since, device])?;
        }
        Change::SetPolicy(policy) => {
            let policy = policy.as_ref().map(to_json).transpose()?;
            connection
                .prepare_cached("update devices set policy = ? where id = ?")?
                .execute(params![policy, device])?;
        }
        Change::RotateKeys {
            public_key,
            signing_key,
        } => {
            connection
                .prepare_cached("update devices set public_key = ?, signing_key = ? where id = ?")?
                .execute(params![
                    public_key.to_bytes(),
                    signing_key.to_bytes(),
                    device
                ])?;
        }
        Change::Revoke => {
            connection
                .prepare_cached(
                    "update devices set revoked_at = ?, status = 'revoked' where id = ?",
                )?
                .execute(params![at, device])?;
            connection
                .prepare_cached("update outbox set sealed = null where device = ?")?
                .execute([device])?;
        }
        Change::SetDeviceInfo(device_info) => tell(connection, device, at, device_info)?,
    }
    Ok(())
}

fn insert_command(
    connection: &Connection,
    device: &str,
    command: &Command,
    bulk: Option<&str>,
) -> Result<(), Error> {
    connection
        .prepare_cached(
            "insert into commands (id, device, action, options, status, is_pending, requested_at, \
             expires_at, bulk) values (?, ?, ?, ?, ?, true, ?, ?, ?)",
        )?
        .execute(params![
            command.id,
            device,
            command.action.as_str(),
            to_json(&command.options)?,
            to_json(&command.status)?,
            command.requested_at,
            command.expires_at,
            bulk,
        ])
        .map_err(|error| match &error {
            rusqlite::Error::SqliteFailure(clash, Some(of))
                if clash.extended_code == SQLITE_CONSTRAINT_UNIQUE =>
            {
                Error::from(match of.ends_with(": commands.device") {
                    true => StoreError::CommandPending(device.to_owned()),
                    false => StoreError::BulkAnswered,
                })
            }
            _ => error.into(),
        })?;
    // The latest is that with the greatest id, also if a clock went back in between.
    connection
        .prepare_cached(
            "update devices set latest_command = ?1, status = ?2 \
             where id = ?3 and (latest_command is null or latest_command < ?1)",
        )?
        .execute(params![
            command.id,
            StatusKind::from(&command.status).as_str(),
            device
        ])?;
    Ok(())
}

/// An outcome is final: only a pending command gets one.
fn complete(
    connection: &Connection,
    device: &str,
    at: Timestamp,
    command: &str,
    outcome: &Outcome,
) -> Result<(), Error> {
    let status = Status::from(outcome.clone());
    let was_pending = connection
        .prepare_cached(
            "update commands set status = ?, is_pending = false, completed_at = ? \
             where id = ? and device = ? and is_pending",
        )?
        .execute(params![to_json(&status)?, at, command, device])?
        == 1;
    if !was_pending {
        return Err(StoreError::Conflict.into());
    }
    // A device has the status of its latest command, and this may be an earlier one; or it is revoked.
    connection
        .prepare_cached(
            "update devices set status = ? where id = ? and latest_command = ? and revoked_at is null",
        )?
        .execute(params![StatusKind::from(&status).as_str(), device, command])?;
    connection
        .prepare_cached("delete from outbox where command = ?")?
        .execute([command])?;
    Ok(())
}

fn tell(
    connection: &Connection,
    device: &str,
    at: Timestamp,
    device_info: &DeviceInfo,
) -> Result<(), Error> {
    connection
        .prepare_cached(
            "update devices set api_level = ?, agent_version = ?, management_mode = ?, \
             managed_profile = ?, ownership = ?, capabilities = ?, condition = ?, last_sync = ? \
             where id = ?",
        )?
        .execute(params![
            device_info.api_level,
            device_info.agent_version,
            device_info.management_mode.as_str(),
            device_info.managed_profile,
            device_info.ownership.as_str(),
            to_json(&device_info.capabilities)?,
            to_json(&device_info.condition)?,
            at,
            device,
        ])?;
    Ok(())
}
