//! Conversions between records and rows.

use mdm_agent_protocol::{sealing::PublicKey, signing_key::VerifyingKey};
use mdm_contract::{Action, Command, Device, ManagementMode, Ownership, PolicyOverride};
use mdm_server_core::store::{Delivery, Snapshot, sql::COMMAND_COLUMNS};
use rusqlite::{Connection, OptionalExtension as _, Row, types::Type};
use serde::{Serialize, de::DeserializeOwned};
use std::{error::Error, str::FromStr};

pub(super) const DEVICE_COLUMNS: &str = "id, name, public_key, signing_key, api_level, agent_version, \
    management_mode, managed_profile, ownership, capabilities, condition, policy, policy_override_command, \
    policy_override_since, enrolled_at, revoked_at, last_sync, version, \
    (select json_group_array(name) from device_groups where device = devices.id) as groups";

/// A device without its commands.
pub(super) fn device(row: &Row<'_>) -> rusqlite::Result<Snapshot> {
    let public_key: Vec<u8> = row.get("public_key")?;
    let by: Option<String> = row.get("policy_override_command")?;
    let since: Option<u64> = row.get("policy_override_since")?;
    Ok(Snapshot {
        device: Device {
            id: row.get("id")?,
            api_level: row.get("api_level")?,
            agent_version: row.get("agent_version")?,
            management_mode: word::<ManagementMode>(row, "management_mode")?,
            managed_profile: row.get("managed_profile")?,
            ownership: word::<Ownership>(row, "ownership")?,
            groups: json(row, "groups")?,
            condition: json(row, "condition")?,
            last_sync: row.get("last_sync")?,
            policy: optional_json(row, "policy")?,
            policy_override: by
                .zip(since)
                .map(|(command, since)| PolicyOverride { command, since }),
        },
        capabilities: json(row, "capabilities")?,
        name: row.get("name")?,
        public_key: PublicKey::from_bytes(&public_key).map_err(unreadable)?,
        signing_key: verifying_key(row, "signing_key")?,
        enrolled_at: row.get("enrolled_at")?,
        revoked_at: row.get("revoked_at")?,
        version: row.get("version")?,
        online_until: None,
        pending: None,
        latest: None,
    })
}

/// A device with its latest command and the one in flight.
pub(super) fn with_commands(
    connection: &Connection,
    mut snapshot: Snapshot,
) -> rusqlite::Result<Snapshot> {
    let id = &snapshot.device.id;
    let latest =
        format!("select {COMMAND_COLUMNS} from commands where device = ? order by id desc limit 1");
    snapshot.latest = connection
        .prepare_cached(&latest)?
        .query_row([id], command)
        .optional()?;
    let pending = format!(
        "select {COMMAND_COLUMNS} from commands where device = ? and is_pending \
         order by id desc limit 1"
    );
    snapshot.pending = connection
        .prepare_cached(&pending)?
        .query_row([id], command)
        .optional()?;
    Ok(snapshot)
}

pub(super) fn command(row: &Row<'_>) -> rusqlite::Result<Command> {
    Ok(Command {
        id: row.get("id")?,
        action: word::<Action>(row, "action")?,
        options: json(row, "options")?,
        status: json(row, "status")?,
        requested_at: row.get("requested_at")?,
        completed_at: row.get("completed_at")?,
        expires_at: row.get("expires_at")?,
        late_outcome: optional_json(row, "late_outcome")?,
    })
}

pub(super) fn delivery(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    Ok(Delivery {
        command: command(row)?,
        sealed: optional_json(row, "sealed")?,
        is_held: row.get("is_held")?,
    })
}

pub(super) fn verifying_key(row: &Row<'_>, column: &str) -> rusqlite::Result<VerifyingKey> {
    let bytes: Vec<u8> = row.get(column)?;
    VerifyingKey::from_bytes(&bytes).map_err(unreadable)
}

pub(super) fn to_json(record: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(record).map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))
}

pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(unreadable)
}

pub(super) fn optional_json<T: DeserializeOwned>(
    row: &Row<'_>,
    column: &str,
) -> rusqlite::Result<Option<T>> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| serde_json::from_str(&text).map_err(unreadable))
        .transpose()
}

pub(super) fn word<T: FromStr<Err: Error + Send + Sync + 'static>>(
    row: &Row<'_>,
    column: &str,
) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    text.parse().map_err(unreadable)
}

fn unreadable(error: impl Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error))
}
