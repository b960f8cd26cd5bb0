//! How devices get in, in SQLite.

use super::{SqliteStore, audit, events, rows};
use crate::error::Error;
use async_trait::async_trait;
use mdm_agent_protocol::signing_key::VerifyingKey;
use mdm_contract::time::Timestamp;
use mdm_server_core::{
    access::Caller,
    audit::AuditEntry,
    store::{AgentKey, Enrollment, NewDevice, RequestRecord, StoreError, found_by, totp_cleared},
    token::TokenDigest,
};
use rusqlite::{Connection, OptionalExtension as _, params};

#[async_trait]
impl Enrollment for SqliteStore {
    async fn add_enrollment_token(
        &self,
        token: TokenDigest,
        groups: Vec<String>,
        expires_at: Timestamp,
        audit: RequestRecord,
    ) -> Result<(), StoreError> {
        self.writer
            .run(move |connection| {
                connection.execute(
                    "insert into enrollment_tokens (token, groups, expires_at) values (?, ?, ?)",
                    params![token, rows::to_json(&groups)?, expires_at],
                )?;
                audit::write(connection, &audit)
            })
            .await
    }

    async fn enroll(&self, token: TokenDigest, device: NewDevice) -> Result<bool, StoreError> {
        self.writer
            .run(move |connection| {
                let groups: Option<String> = connection
                    .query_row(
                        "delete from enrollment_tokens where token = ? and expires_at > ? \
                         returning groups",
                        params![token, device.at],
                        |row| row.get(0),
                    )
                    .optional()?;
                let Some(groups) = groups else {
                    return Ok(false);
                };
                let groups: Vec<String> = serde_json::from_str(&groups)
                    .map_err(|error| StoreError::Failed(error.to_string()))?;
                insert_device(connection, &device, &groups)?;
                events::write_enrolled(connection, &device.id, device.at)?;
                let entry = AuditEntry {
                    device: Some(device.id),
                    detail: Some(device.name),
                    ..AuditEntry::new(device.at, &Caller::agent(), "enroll")
                };
                audit::write(connection, &entry.into())?;
                Ok(true)
            })
            .await
    }

    async fn agent_key(&self, device: &str) -> Result<Option<AgentKey>, StoreError> {
        self.look_up(|connection| {
            let mut query = connection.prepare_cached(
                "select signing_key, revoked_at is not null as is_revoked from devices where id = ?",
            )?;
            let key = query.query_row([device], |row| {
                Ok(AgentKey {
                    key: rows::verifying_key(row, "signing_key")?,
                    is_revoked: row.get("is_revoked")?,
                })
            });
            Ok(key.optional()?)
        })
    }

    async fn host_key(&self) -> Result<Option<VerifyingKey>, StoreError> {
        self.look_up(host_key)
    }

    async fn claim(&self, ours: VerifyingKey) -> Result<VerifyingKey, StoreError> {
        self.writer
            .run(move |connection| {
                connection.execute(
                    "insert or ignore into host (one, verifying_key) values (1, ?)",
                    [ours.to_bytes()],
                )?;
                Ok(host_key(connection)?.unwrap_or(ours))
            })
            .await
    }

    async fn replace_host_key(
        &self,
        ours: VerifyingKey,
        audit: RequestRecord,
    ) -> Result<(), StoreError> {
        self.writer
            .run(move |connection| {
                connection.execute(
                    "insert into host (one, verifying_key) values (1, ?) \
                     on conflict (one) do update set verifying_key = excluded.verifying_key",
                    [ours.to_bytes()],
                )?;
                audit::write(connection, &audit)?;
                let cleared = connection
                    .prepare("update users set totp = null where totp is not null returning name")?
                    .query_map([], |row| row.get(0))?
                    .collect::<Result<Vec<String>, _>>()?;
                for user in cleared {
                    audit::write(connection, &totp_cleared(&user, &audit.entry).into())?;
                }
                Ok(())
            })
            .await
    }
}

fn host_key(connection: &Connection) -> Result<Option<VerifyingKey>, Error> {
    let mut query = connection.prepare_cached("select verifying_key from host")?;
    let key = query.query_row([], |row| rows::verifying_key(row, "verifying_key"));
    Ok(key.optional()?)
}

fn insert_device(
    connection: &Connection,
    device: &NewDevice,
    groups: &[String],
) -> Result<(), Error> {
    connection
        .prepare_cached(
            "insert into devices (id, name, public_key, signing_key, api_level, agent_version, \
             management_mode, managed_profile, condition, enrolled_at, last_sync, version, found_by) \
             values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)",
        )?
        .execute(params![
            device.id,
            device.name,
            device.public_key.to_bytes(),
            device.signing_key.to_bytes(),
            device.told.api_level,
            device.told.agent_version,
            device.told.management_mode.word(),
            device.told.managed_profile,
            rows::to_json(&device.told.condition)?,
            device.at,
            device.at,
            found_by(&device.name, &device.id),
        ])?;
    for group in groups {
        connection
            .prepare_cached("insert or ignore into device_groups (device, name) values (?, ?)")?
            .execute(params![device.id, group])?;
    }
    Ok(())
}
