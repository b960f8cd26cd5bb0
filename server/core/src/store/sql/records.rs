//! How commands and bulks lie in rows.

use super::Row;
use crate::store::{Bulk, NoCommand, StoreError};
use mdm_contract::decisions::Command;

/// The columns of a command.
pub const COMMAND_COLUMNS: &str = "commands.id, commands.action, commands.options, commands.status, \
    commands.requested_at, commands.settled_at, commands.expires_at, commands.late_outcome";

/// The columns of a bulk.
pub(super) const BULK_COLUMNS: &str = "id, action, group_name, devices, different_passwords, sealed_password, \
    options, terms, reason, requested_by, principal, address, requested_at, approved_by, state, taken_back_by, ended_at";

pub(super) fn command(row: &Row) -> Result<Command, StoreError> {
    Ok(Command {
        id: row.get("id")?,
        action: row.word("action")?,
        options: row.json("options")?,
        status: row.json("status")?,
        requested_at: row.get("requested_at")?,
        settled_at: row.get("settled_at")?,
        expires_at: row.get("expires_at")?,
        late_outcome: row.optional_json("late_outcome")?,
    })
}

pub(super) fn bulk(row: &Row) -> Result<Bulk, StoreError> {
    Ok(Bulk {
        id: row.get("id")?,
        action: row.word("action")?,
        group: row.get("group_name")?,
        devices: row.get("devices")?,
        different_passwords: row.get("different_passwords")?,
        sealed_password: row.get("sealed_password")?,
        options: row.json("options")?,
        terms: row.json("terms")?,
        reason: row.get("reason")?,
        requested_by: row.word("requested_by")?,
        principal: row.word("principal")?,
        address: row.get("address")?,
        requested_at: row.get("requested_at")?,
        approved_by: row.optional_word("approved_by")?,
        state: row.word("state")?,
        taken_back_by: row.optional_word("taken_back_by")?,
        ended_at: row.get("ended_at")?,
    })
}

/// Why a device has no command of a bulk; `None` if it has one.
pub(super) fn no_command(row: &Row) -> Result<Option<NoCommand>, StoreError> {
    let kind: Option<String> = row.get("kind")?;
    let why = kind.map(|kind| {
        Ok(NoCommand {
            kind,
            detail: row.get("detail")?,
        })
    });
    why.transpose()
}
