//! Conversions between rows, and commands and bulks.

use super::Row;
use crate::store::{Bulk, DeviceError, StoreError};
use mdm_contract::Command;

/// The columns of a command.
pub const COMMAND_COLUMNS: &str = "commands.id, commands.action, commands.options, commands.status, \
    commands.requested_at, commands.completed_at, commands.expires_at, commands.late_outcome";

/// The columns of a bulk.
pub(super) const BULK_COLUMNS: &str = "id, action, group_name, devices, unique_passwords, sealed_password, \
    options, terms, reason, requested_by, principal, address, requested_at, approved_by, state, cancel_requested_by, ended_at";

pub(super) fn command(row: &Row) -> Result<Command, StoreError> {
    Ok(Command {
        id: row.get("id")?,
        action: row.parse("action")?,
        options: row.json("options")?,
        status: row.json("status")?,
        requested_at: row.get("requested_at")?,
        completed_at: row.get("completed_at")?,
        expires_at: row.get("expires_at")?,
        late_outcome: row.optional_json("late_outcome")?,
    })
}

pub(super) fn bulk(row: &Row) -> Result<Bulk, StoreError> {
    Ok(Bulk {
        id: row.get("id")?,
        action: row.parse("action")?,
        group: row.get("group_name")?,
        devices: row.get("devices")?,
        unique_passwords: row.get("unique_passwords")?,
        sealed_password: row.get("sealed_password")?,
        options: row.json("options")?,
        terms: row.json("terms")?,
        reason: row.get("reason")?,
        requested_by: row.parse("requested_by")?,
        principal: row.parse("principal")?,
        address: row.get("address")?,
        requested_at: row.get("requested_at")?,
        approved_by: row.optional_parse("approved_by")?,
        state: row.parse("state")?,
        cancel_requested_by: row.optional_parse("cancel_requested_by")?,
        ended_at: row.get("ended_at")?,
    })
}

/// The reason why a device has no command of a bulk. `None` if it has one.
pub(super) fn device_error(row: &Row) -> Result<Option<DeviceError>, StoreError> {
    let kind: Option<String> = row.get("kind")?;
    let why = kind.map(|kind| {
        Ok(DeviceError {
            kind,
            detail: row.get("detail")?,
        })
    });
    why.transpose()
}
