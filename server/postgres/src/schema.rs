//! The tables in PostgreSQL: migrations, and the comparison of a database's schema with them.

use super::{catalog, connection::described};
use crate::connection::failed;
use crate::rows::Columns as _;
use mdm_server_core::store::{
    StoreError,
    schema::{self, HISTORY, Migrations, Schema},
};
use tokio_postgres::{Client, error::SqlState};

const MIGRATIONS: Migrations = &[("V1__first", include_str!("migrations/1-first.sql"))];

/// Held while the tables are compared and migrated: replicas may start at the same time.
const LOCK: i64 = 0x6d64_6d01;

/// The schema that migrations are applied in for a moment, to compare it. No commit ever makes it.
const COMPARED: &str = "mdm_compared";

/// Checks the tables, and applies the migrations that were not applied yet. Errors, and changes nothing, if the
/// tables are of another version.
pub(super) async fn migrate(client: &mut Client) -> Result<(), StoreError> {
    // It ends with this connection.
    let lock = "select pg_advisory_lock($1)";
    client.execute(lock, &[&LOCK]).await.map_err(failed)?;
    client
        .batch_execute("set client_min_messages = warning")
        .await
        .map_err(failed)?;
    let applied = version(client).await?;
    if applied == 0 {
        refuse_unrecorded(client).await?;
    } else {
        let tables = tables(client).await?;
        if !is_kept(client, &tables).await? {
            compare(client).await?.result()?;
        }
    }
    if applied < MIGRATIONS.len() {
        let runner = schema::runner(MIGRATIONS)?;
        runner.run_async(client).await.map_err(schema::failed)?;
        keep(client, &tables(client).await?).await?;
    }
    Ok(())
}

/// The identity of a set of tables: the number of applied migrations, and the digest of the catalog.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Tables {
    applied: usize,
    digest: String,
}

/// The result of a comparison of the tables with the migrations.
pub(super) struct Comparison {
    tables: Tables,
    differences: Option<String>,
}

impl Comparison {
    /// Tables without a difference.
    pub(super) fn equal(tables: Tables) -> Self {
        Self {
            tables,
            differences: None,
        }
    }

    /// Returns `true` if it is a comparison of these tables.
    pub(super) fn is_of(&self, tables: &Tables) -> bool {
        self.tables == *tables
    }

    /// Errors if there are differences.
    pub(super) fn result(&self) -> Result<(), StoreError> {
        match &self.differences {
            Some(differences) => Err(StoreError::OtherSchema(differences.clone())),
            None => Ok(()),
        }
    }
}

/// The tables that are there now. Errors if they are of a newer version.
pub(super) async fn tables(client: &Client) -> Result<Tables, StoreError> {
    Ok(Tables {
        applied: version(client).await?,
        digest: catalog::read(client).await?.digest(MIGRATIONS),
    })
}

/// Returns `true` if a server has compared these tables before and found them to be those of this version.
pub(super) async fn is_kept(client: &Client, tables: &Tables) -> Result<bool, StoreError> {
    if tables.applied < MIGRATIONS.len() || !exists(client, "schema_digest").await? {
        return Ok(false);
    }
    let kept = client
        .query_opt("select digest from schema_digest", &[])
        .await
        .map_err(failed)?;
    Ok(match kept {
        Some(row) => row.column::<String>(0)? == tables.digest,
        None => false,
    })
}

/// Compares the tables with what the migrations make. Keeps the digest of what was found, if they are equal.
pub(super) async fn compare(client: &mut Client) -> Result<Comparison, StoreError> {
    let applied = version(client).await?;
    let found = catalog::read(client).await?;
    let digest = found.digest(MIGRATIONS);
    let tables = Tables { applied, digest };
    match made_by(client, applied).await?.check(&found) {
        Ok(()) => {
            if applied == MIGRATIONS.len() {
                keep(client, &tables).await?;
            }
            Ok(Comparison::equal(tables))
        }
        Err(StoreError::OtherSchema(differences)) => Ok(Comparison {
            tables,
            differences: Some(differences),
        }),
        Err(error) => Err(error),
    }
}

/// Returns the number of applied migrations. Errors if there are more than this version knows.
async fn version(client: &Client) -> Result<usize, StoreError> {
    if !exists(client, HISTORY).await? {
        return Ok(0);
    }
    let version = format!("select coalesce(max(version), 0) from {HISTORY}");
    let version: i32 = client
        .query_one(&version, &[])
        .await
        .map_err(failed)?
        .column(0)?;
    schema::refuse_newer(version.into(), MIGRATIONS)
}

async fn exists(client: &Client, table: &str) -> Result<bool, StoreError> {
    let exists = "select to_regclass($1) is not null";
    client
        .query_one(exists, &[&table])
        .await
        .map_err(failed)?
        .column(0)
}

async fn keep(client: &Client, tables: &Tables) -> Result<(), StoreError> {
    client
        .execute(
            "insert into schema_digest (one, digest) values (1, $1) \
             on conflict (one) do update set digest = excluded.digest",
            &[&tables.digest],
        )
        .await
        .map_err(failed)?;
    Ok(())
}

/// Errors if there are tables of a host without a record of the migrations that made them.
async fn refuse_unrecorded(client: &mut Client) -> Result<(), StoreError> {
    let found = catalog::read(client).await?;
    if !found.has_table("devices") {
        return Ok(());
    }
    made_by(client, MIGRATIONS.len()).await?.check(&found)?;
    Err(schema::other_schema(vec![format!(
        "table {HISTORY} is missing"
    )]))
}

/// The schema that the first migrations make. They are applied in a transaction that is rolled back.
async fn made_by(client: &mut Client, migrations: usize) -> Result<Schema, StoreError> {
    let transaction = client.transaction().await.map_err(failed)?;
    let begin = format!("create schema {COMPARED}; set local search_path = {COMPARED}");
    transaction.batch_execute(&begin).await.map_err(|error| {
        match error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
            true => schema::other_schema(vec![
                "which of them can't be said, because the role of --store may not make a schema to compare them with \
                 (grant create on database)"
                    .into(),
            ]),
            false => failed(error),
        }
    })?;
    for (name, sql) in MIGRATIONS.iter().take(migrations) {
        let failed = |error| StoreError::Failed(format!("{name}: {}", described(&error)));
        transaction.batch_execute(sql).await.map_err(failed)?;
    }
    let made = catalog::read(&transaction).await?;
    transaction.rollback().await.map_err(failed)?;
    Ok(made)
}
