//! Conversions between records and rows. PostgreSQL's numbers are to_i64; times and counts are far below the limit.

use crate::connection::failed;
use mdm_agent_protocol::{sealing::PublicKey, signing_key::VerifyingKey};
use mdm_contract::{Action, Command, Device, ManagementMode, Ownership, PolicyOverride};
use mdm_server_core::store::{Delivery, Snapshot, StoreError};
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt::Display, str::FromStr};
use tokio_postgres::{Row, row::RowIndex, types::FromSql};

/// Reads the columns of a row.
pub(super) trait Columns {
    /// Errors if there is no such column, or it has another type.
    fn column<'a, T: FromSql<'a>>(
        &'a self,
        index: impl RowIndex + Display,
    ) -> Result<T, StoreError>;
}

impl Columns for Row {
    fn column<'a, T: FromSql<'a>>(
        &'a self,
        index: impl RowIndex + Display,
    ) -> Result<T, StoreError> {
        self.try_get(index).map_err(failed)
    }
}

/// Devices with their latest command and the pending one. A condition on `d` follows.
pub(super) const SNAPSHOTS: &str = "select d.id, d.name, d.public_key, d.signing_key, d.api_level, d.agent_version, \
    d.management_mode, d.managed_profile, d.ownership, d.capabilities, d.condition, d.policy, d.policy_override_command, \
    d.policy_override_since, d.enrolled_at, d.revoked_at, d.last_sync, d.version, \
    array(select name from device_groups where device = d.id order by name) as groups, \
    (select until from presence where device = d.id) as online_until, \
    l.id as latest_id, l.action as latest_action, l.options as latest_options, l.status as latest_status, \
    l.requested_at as latest_requested_at, l.completed_at as latest_completed_at, \
    l.expires_at as latest_expires_at, l.late_outcome as latest_late_outcome, \
    p.id as pending_id, p.action as pending_action, p.options as pending_options, \
    p.status as pending_status, p.requested_at as pending_requested_at, p.completed_at as pending_completed_at, \
    p.expires_at as pending_expires_at, p.late_outcome as pending_late_outcome \
    from devices d left join commands l on l.id = d.latest_command \
    left join lateral (select * from commands where device = d.id and is_pending order by id desc limit 1) p \
    on true";

pub(super) fn snapshot(row: &Row) -> Result<Snapshot, StoreError> {
    let by: Option<String> = row.column("policy_override_command")?;
    let since = optional_number(row, "policy_override_since")?;
    let public_key: &[u8] = row.column("public_key")?;
    Ok(Snapshot {
        device: Device {
            id: row.column("id")?,
            api_level: number(row, "api_level")?,
            agent_version: row.column("agent_version")?,
            management_mode: word::<ManagementMode>(row, "management_mode")?,
            managed_profile: row.column("managed_profile")?,
            ownership: word::<Ownership>(row, "ownership")?,
            groups: row.column("groups")?,
            condition: json(row, "condition")?,
            last_sync: number(row, "last_sync")?,
            policy: optional_json(row, "policy")?,
            policy_override: by
                .zip(since)
                .map(|(command, since)| PolicyOverride { command, since }),
        },
        capabilities: json(row, "capabilities")?,
        name: row.column("name")?,
        public_key: PublicKey::from_bytes(public_key).map_err(unreadable)?,
        signing_key: verifying_key(row, "signing_key")?,
        enrolled_at: number(row, "enrolled_at")?,
        revoked_at: optional_number(row, "revoked_at")?,
        version: row.column("version")?,
        online_until: optional_number(row, "online_until")?,
        pending: command_if_any(row, "pending_")?,
        latest: command_if_any(row, "latest_")?,
    })
}

fn command_if_any(row: &Row, prefix: &str) -> Result<Option<Command>, StoreError> {
    let id: Option<String> = row.column(format!("{prefix}id").as_str())?;
    id.map(|_| command_as(row, prefix)).transpose()
}

pub(super) fn command(row: &Row) -> Result<Command, StoreError> {
    command_as(row, "")
}

fn command_as(row: &Row, prefix: &str) -> Result<Command, StoreError> {
    let column = |name: &str| format!("{prefix}{name}");
    Ok(Command {
        id: row.column(column("id").as_str())?,
        action: word::<Action>(row, &column("action"))?,
        options: json(row, &column("options"))?,
        status: json(row, &column("status"))?,
        requested_at: number(row, &column("requested_at"))?,
        completed_at: optional_number(row, &column("completed_at"))?,
        expires_at: optional_number(row, &column("expires_at"))?,
        late_outcome: optional_json(row, &column("late_outcome"))?,
    })
}

pub(super) fn delivery(row: &Row) -> Result<Delivery, StoreError> {
    Ok(Delivery {
        command: command(row)?,
        sealed: optional_json(row, "sealed")?,
        is_held: row.column("is_held")?,
    })
}

pub(super) fn verifying_key(row: &Row, column: &str) -> Result<VerifyingKey, StoreError> {
    let bytes: &[u8] = row.column(column)?;
    VerifyingKey::from_bytes(bytes).map_err(unreadable)
}

/// Bytes of a fixed number, such as a digest.
pub(super) fn bytes<const N: usize>(row: &Row, column: &str) -> Result<[u8; N], StoreError> {
    let bytes: &[u8] = row.column(column)?;
    bytes.try_into().map_err(unreadable)
}

/// As the database's numbers are.
pub(super) fn to_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn to_optional_i64(number: Option<u64>) -> Option<i64> {
    number.map(to_i64)
}

pub(super) fn number<T: TryFrom<i64, Error: Display>>(
    row: &Row,
    column: &str,
) -> Result<T, StoreError> {
    let number: i64 = row.column(column)?;
    T::try_from(number).map_err(unreadable)
}

pub(super) fn optional_number<T: TryFrom<i64, Error: Display>>(
    row: &Row,
    column: &str,
) -> Result<Option<T>, StoreError> {
    let number: Option<i64> = row.column(column)?;
    number
        .map(|number| T::try_from(number).map_err(unreadable))
        .transpose()
}

pub(super) fn to_json(record: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(record).map_err(unreadable)
}

pub(super) fn json<T: DeserializeOwned>(row: &Row, column: &str) -> Result<T, StoreError> {
    serde_json::from_str(row.column(column)?).map_err(unreadable)
}

pub(super) fn optional_json<T: DeserializeOwned>(
    row: &Row,
    column: &str,
) -> Result<Option<T>, StoreError> {
    let text: Option<&str> = row.column(column)?;
    text.map(|text| serde_json::from_str(text).map_err(unreadable))
        .transpose()
}

pub(super) fn word<T: FromStr<Err: Display>>(row: &Row, column: &str) -> Result<T, StoreError> {
    let text: &str = row.column(column)?;
    text.parse().map_err(unreadable)
}

pub(super) fn unreadable(error: impl Display) -> StoreError {
    StoreError::Failed(error.to_string())
}
