//! Enrollment in SQL.

use super::{Engine, Row, Tx, Value, events};
use crate::{
    access::Caller,
    audit::AuditEntry,
    store::{Changes, Enrollment, NewDevice, RequestRecord, StoreError, search_text, totp_cleared},
    token::TokenDigest,
};
use async_trait::async_trait;
use mdm_agent_protocol::signing_key::VerifyingKey;
use mdm_contract::time::Timestamp;

const HOST_KEY: &str = "select verifying_key from host";

#[async_trait]
impl<E: Engine> Enrollment for E {
    async fn add_enrollment_token(
        &self,
        token: TokenDigest,
        groups: Vec<String>,
        expires_at: Timestamp,
        audit: RequestRecord,
    ) -> Result<(), StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                let sql =
                    "insert into enrollment_tokens (token, groups, expires_at) values ($1, $2, $3)";
                let values = [token.into(), Value::json(&groups)?, expires_at.into()];
                tx.execute(sql, &values).await?;
                tx.audit(audit).await
            })
        })
        .await
    }

    async fn enroll(&self, token: TokenDigest, device: NewDevice) -> Result<bool, StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                let sql = "delete from enrollment_tokens where token = $1 and expires_at > $2 returning groups";
                let spent = tx.row(sql, &[token.into(), device.at.into()]).await?;
                let Some(spent) = spent else {
                    return Ok(false);
                };
                insert_device(tx, &device, spent.json("groups")?).await?;
                events::write_enrolled(tx, E::DIALECT, &device.id, device.at).await?;
                tx.tell(Changes {
                    devices: [device.id.clone()].into(),
                    ..Changes::default()
                });
                let entry = AuditEntry {
                    device: Some(device.id),
                    detail: Some(device.name),
                    ..AuditEntry::new(device.at, &Caller::agent(), "enroll")
                };
                tx.audit(entry.into()).await?;
                Ok(true)
            })
        })
        .await
    }

    async fn host_key(&self) -> Result<Option<VerifyingKey>, StoreError> {
        let rows = self.look_up(HOST_KEY, &[]).await?;
        rows.first().map(verifying_key).transpose()
    }

    async fn claim(&self, ours: VerifyingKey) -> Result<VerifyingKey, StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                let sql =
                    "insert into host (one, verifying_key) values (1, $1) on conflict do nothing";
                tx.execute(sql, &[ours.to_bytes().into()]).await?;
                let row = tx.row(HOST_KEY, &[]).await?;
                row.map_or(Ok(ours), |row| verifying_key(&row))
            })
        })
        .await
    }

    async fn replace_host_key(
        &self,
        ours: VerifyingKey,
        audit: RequestRecord,
    ) -> Result<(), StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                let sql = "insert into host (one, verifying_key) values (1, $1) \
                           on conflict (one) do update set verifying_key = excluded.verifying_key";
                tx.execute(sql, &[ours.to_bytes().into()]).await?;
                let clear = "update users set totp = null where totp is not null returning name";
                let cleared = tx.query(clear, &[]).await?;
                let cleared = cleared.iter().map(|row| {
                    let user: String = row.get("name")?;
                    Ok(totp_cleared(&user, &audit.entry).into())
                });
                let cleared = cleared.collect::<Result<Vec<_>, StoreError>>()?;
                tx.audit(audit).await?;
                tx.write_records(cleared).await
            })
        })
        .await
    }
}

fn verifying_key(row: &Row) -> Result<VerifyingKey, StoreError> {
    let bytes: Vec<u8> = row.get("verifying_key")?;
    VerifyingKey::from_bytes(&bytes).map_err(|error| StoreError::Failed(error.to_string()))
}

async fn insert_device(
    tx: &mut dyn Tx,
    device: &NewDevice,
    groups: Vec<String>,
) -> Result<(), StoreError> {
    let insert = "insert into devices (id, name, public_key, signing_key, api_level, agent_version, \
                  management_mode, managed_profile, ownership, capabilities, condition, enrolled_at, last_sync, \
                  version, search_text) \
                  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, 0, $13)";
    let values = vec![
        device.id.as_str().into(),
        device.name.as_str().into(),
        device.public_key.to_bytes().into(),
        device.signing_key.to_bytes().into(),
        device.device_info.api_level.into(),
        device.device_info.agent_version.as_str().into(),
        device.device_info.management_mode.as_str().into(),
        device.device_info.managed_profile.into(),
        device.device_info.ownership.as_str().into(),
        Value::json(&device.device_info.capabilities)?,
        Value::json(&device.device_info.condition)?,
        device.at.into(),
        search_text(&device.name, &device.id).into(),
    ];
    let join = "insert into device_groups (device, name) values ($1, $2) on conflict do nothing";
    let joins = groups
        .into_iter()
        .map(|group| (join, vec![device.id.as_str().into(), group.into()]));
    let statements = std::iter::once((insert, values)).chain(joins);
    tx.execute_all(statements.collect()).await
}
