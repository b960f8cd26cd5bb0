//! The tables in SQLite: migrations, and the comparison of a file's schema with them.

use super::catalog;
use crate::error::Error;
use mdm_server_core::store::{
    StoreError,
    schema::{self, HISTORY, Migrations, Schema},
};
use rusqlite::{Connection, OptionalExtension as _};

const MIGRATIONS: Migrations = &[("V1__first", include_str!("migrations/1-first.sql"))];

/// Errors if the tables are of another version, before anything is changed. Returns how many migrations were applied.
pub(super) fn check(connection: &Connection) -> Result<usize, Error> {
    let applied = schema::refuse_newer(applied(connection)?, MIGRATIONS)?;
    let found = catalog::read(connection)?;
    if applied == MIGRATIONS.len() && kept(connection)? == Some(found.digest(MIGRATIONS)) {
        return Ok(applied);
    }
    match applied {
        0 => refuse_unrecorded(&found)?,
        _ => made_by(applied)?.check(&found)?,
    }
    Ok(applied)
}

/// Errors if a file that nothing is to be changed in is no store that this version could open.
pub(super) fn check_copy(connection: &Connection) -> Result<(), Error> {
    match check(connection)? {
        0 => Err(
            StoreError::Failed("the file has no tables of a host: it is no backup".into()).into(),
        ),
        _ => Ok(()),
    }
}

/// Applies the migrations that were not applied yet to tables that were checked, and keeps the digest of what they are.
pub(super) fn migrate(connection: &mut Connection, applied: usize) -> Result<(), Error> {
    if applied < MIGRATIONS.len() {
        let runner = schema::runner(MIGRATIONS)?;
        runner.run(connection).map_err(schema::failed)?;
    }
    let digest = catalog::read(connection)?.digest(MIGRATIONS);
    if kept(connection)?.as_ref() != Some(&digest) {
        connection.execute(
            "insert into schema_digest (one, digest) values (1, ?1) \
             on conflict (one) do update set digest = excluded.digest",
            [digest],
        )?;
    }
    Ok(())
}

/// The version of the tables; 0: none were made.
fn applied(connection: &Connection) -> Result<i64, Error> {
    if !connection.table_exists(None, HISTORY)? {
        return Ok(0);
    }
    let version = format!("select coalesce(max(version), 0) from {HISTORY}");
    Ok(connection.query_row(&version, [], |row| row.get(0))?)
}

/// The digest that was kept when the tables were last compared.
fn kept(connection: &Connection) -> Result<Option<String>, Error> {
    if !connection.table_exists(None, "schema_digest")? {
        return Ok(None);
    }
    let kept = connection.query_row("select digest from schema_digest", [], |row| row.get(0));
    Ok(kept.optional()?)
}

/// Errors if there are tables of a host without a record of the migrations that made them.
fn refuse_unrecorded(found: &Schema) -> Result<(), Error> {
    match found.has_table("devices") {
        false => Ok(()),
        true => {
            made_by(MIGRATIONS.len())?.check(found)?;
            Err(schema::other_schema(vec![format!("table {HISTORY} is missing")]).into())
        }
    }
}

/// The schema that the first migrations make.
fn made_by(migrations: usize) -> Result<Schema, Error> {
    let made = Connection::open_in_memory()?;
    for (_, sql) in MIGRATIONS.iter().take(migrations) {
        made.execute_batch(sql)?;
    }
    catalog::read(&made)
}
