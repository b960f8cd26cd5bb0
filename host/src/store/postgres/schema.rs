//! The tables in PostgreSQL, and the way there from older ones.

use super::connection::described;
use crate::store::StoreError;
use tokio_postgres::Client;

/// Each brings the tables from one form to the next.
const MIGRATIONS: &[&str] = &[include_str!("migrations/1-first.sql")];

/// Held while the tables are brought to the newest form: replicas may start at the same time.
const LOCK: i64 = 0x6d64_6d01;

/// Brings the tables to the newest form. It errs where a newer host has made them.
pub(super) async fn migrate(client: &mut Client) -> Result<(), StoreError> {
    let transaction = client.transaction().await?;
    transaction
        .execute("select pg_advisory_xact_lock($1)", &[&LOCK])
        .await?;
    transaction
        .batch_execute(
            "set local client_min_messages = warning; \
             create table if not exists schema_form (one integer primary key check (one = 1), number bigint not null); \
             insert into schema_form values (1, 0) on conflict do nothing",
        )
        .await?;
    let number: i64 = transaction
        .query_one("select number from schema_form", &[])
        .await?
        .try_get(0)?;
    let known = MIGRATIONS.len();
    let done = usize::try_from(number)
        .ok()
        .filter(|done| *done <= known)
        .ok_or(StoreError::Newer {
            form: number,
            known,
        })?;
    for migration in MIGRATIONS.iter().skip(done) {
        transaction
            .batch_execute(migration)
            .await
            .map_err(|error| StoreError::Failed(format!("migration: {}", described(&error))))?;
    }
    transaction
        .execute(
            "update schema_form set number = $1",
            &[&i64::try_from(known).unwrap_or(i64::MAX)],
        )
        .await?;
    Ok(transaction.commit().await?)
}
