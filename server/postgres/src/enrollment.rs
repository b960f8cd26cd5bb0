//! How devices get in, in PostgreSQL.

use super::{
    PostgresStore,
    connection::{Ask as _, Step, values},
    events,
    rows::{self, signed},
    writer::Batch,
};
use crate::rows::Columns as _;
use async_trait::async_trait;
use mdm_agent_protocol::signing_key::VerifyingKey;
use mdm_contract::time::Timestamp;
use mdm_server_core::{
    access::Caller,
    audit::AuditEntry,
    store::{AgentKey, Enrollment, NewDevice, RequestRecord, StoreError, found_by, totp_cleared},
    token::TokenDigest,
};

#[async_trait]
impl Enrollment for PostgresStore {
    async fn add_enrollment_token(
        &self,
        token: TokenDigest,
        groups: Vec<String>,
        expires_at: Timestamp,
        audit: RequestRecord,
    ) -> Result<(), StoreError> {
        self.writer
            .run(move |batch| async move {
                batch
                    .write(
                        "insert into enrollment_tokens (token, groups, expires_at) values ($1, $2, $3)",
                        &[&&token[..], &rows::to_json(&groups)?, &signed(expires_at)],
                    )
                    .await?;
                batch.audit(audit).await
            })
            .await
    }

    async fn enroll(&self, token: TokenDigest, device: NewDevice) -> Result<bool, StoreError> {
        self.writer
            .run(move |batch| async move {
                let spent = batch
                    .row_if_any(
                        "delete from enrollment_tokens where token = $1 and expires_at > $2 returning groups",
                        &[&&token[..], &signed(device.at)],
                    )
                    .await?;
                let Some(spent) = spent else {
                    return Ok(false);
                };
                let groups: Vec<String> = rows::json(&spent, "groups")?;
                insert_device(&batch, &device, groups).await?;
                events::write_enrolled(&batch, &device.id, device.at).await?;
                batch.tell(|told| {
                    told.devices.insert(device.id.clone());
                });
                let entry = AuditEntry {
                    device: Some(device.id),
                    detail: Some(device.name),
                    ..AuditEntry::new(device.at, &Caller::agent(), "enroll")
                };
                batch.audit(entry.into()).await?;
                Ok(true)
            })
            .await
    }

    async fn agent_key(&self, device: &str) -> Result<Option<AgentKey>, StoreError> {
        let reader = self.reader().await?;
        let query =
            "select signing_key, revoked_at is not null as is_revoked from devices where id = $1";
        let row = reader.row_if_any(query, &[&device]).await?;
        row.map(|row| {
            Ok(AgentKey {
                key: rows::verifying_key(&row, "signing_key")?,
                is_revoked: row.column("is_revoked")?,
            })
        })
        .transpose()
    }

    async fn host_key(&self) -> Result<Option<VerifyingKey>, StoreError> {
        let reader = self.reader().await?;
        let row = reader
            .row_if_any("select verifying_key from host", &[])
            .await?;
        row.map(|row| rows::verifying_key(&row, "verifying_key"))
            .transpose()
    }

    async fn claim(&self, ours: VerifyingKey) -> Result<VerifyingKey, StoreError> {
        self.writer
            .run(move |batch| async move {
                batch
                    .write(
                        "insert into host (one, verifying_key) values (1, $1) on conflict do nothing",
                        &[&&ours.to_bytes()[..]],
                    )
                    .await?;
                let row = batch.row("select verifying_key from host", &[]).await?;
                rows::verifying_key(&row, "verifying_key")
            })
            .await
    }

    async fn replace_host_key(
        &self,
        ours: VerifyingKey,
        audit: RequestRecord,
    ) -> Result<(), StoreError> {
        self.writer
            .run(move |batch| async move {
                batch
                    .write(
                        "insert into host (one, verifying_key) values (1, $1) \
                         on conflict (one) do update set verifying_key = excluded.verifying_key",
                        &[&&ours.to_bytes()[..]],
                    )
                    .await?;
                let entry = audit.entry.clone();
                batch.audit(audit).await?;
                let clear = "update users set totp = null where totp is not null returning name";
                for row in batch.rows(clear, &[]).await? {
                    let user: String = row.column(0)?;
                    batch.audit(totp_cleared(&user, &entry).into()).await?;
                }
                Ok(())
            })
            .await
    }
}

async fn insert_device(
    batch: &Batch,
    device: &NewDevice,
    groups: Vec<String>,
) -> Result<(), StoreError> {
    let insert = Step::new(
        "insert into devices (id, name, public_key, signing_key, api_level, agent_version, \
         management_mode, managed_profile, condition, enrolled_at, last_sync, version, found_by) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, 0, $11)",
        values![
            device.id.clone(),
            device.name.clone(),
            device.public_key.to_bytes().to_vec(),
            device.signing_key.to_bytes().to_vec(),
            i64::from(device.told.api_level),
            device.told.agent_version.clone(),
            device.told.management_mode.word(),
            device.told.managed_profile,
            rows::to_json(&device.told.condition)?,
            signed(device.at),
            found_by(&device.name, &device.id),
        ],
    );
    let join = Step::new(
        "insert into device_groups (device, name) select $1, unnest($2::text[]) on conflict do nothing",
        values![device.id.clone(), groups],
    );
    batch.together(vec![insert, join]).await?;
    Ok(())
}
