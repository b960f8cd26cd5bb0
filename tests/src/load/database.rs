//! What the load lab does to a host's database behind its back: it copies devices, and looks what became of commands.

use super::fleet::{EVERYBODY, GROUP};
use anyhow::{Context as _, ensure};
use rusqlite::{Connection, OptionalExtension as _};
use std::path::PathBuf;

/// A host's database.
pub enum Database {
    /// A file of SQLite.
    Sqlite(PathBuf),
}

/// How a command stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stands {
    /// Its status, as JSON.
    pub status: String,
    /// It waits in the outbox.
    pub is_in_outbox: bool,
}

/// What differs between a device and its copy, as SQL: `{id}` is the copy's id, `{i}` its number.
const DEVICE: &[(&str, &str)] = &[
    ("id", "{id}"),
    ("name", "'phone ' || {i}"),
    ("found_by", "'phone ' || {i} || char(10) || {id}"),
    ("latest_command", "{command}"),
    ("policy_override_command", "{command}"),
];

/// The same of a command.
const COMMAND: &[(&str, &str)] = &[("id", "{command}"), ("device", "{id}")];

impl Database {
    /// Copies a device and its command, until there are so many copies.
    pub async fn copy(&self, device: &str, copies: usize) -> anyhow::Result<()> {
        let Self::Sqlite(path) = self;
        let connection = Connection::open(path)?;
        // What is lost with the power is made again.
        connection.pragma_update(None, "synchronous", "off")?;
        let command: String = connection.query_row(
            "select latest_command from devices where id = ?",
            [device],
            |row| row.get(0),
        )?;
        let numbers = format!(
            "(with recursive n(i) as (select 1 union all select i + 1 from n where i < {copies}) \
             select i from n)"
        );
        let names = [
            (
                "{id}",
                format!("'{}' || printf('%012x', i)", prefix(device)?),
            ),
            (
                "{command}",
                format!("'{}' || printf('%012x', i)", prefix(&command)?),
            ),
            ("{i}", "i".to_owned()),
        ];
        let transaction = connection.unchecked_transaction()?;
        for (table, id, changed) in [("devices", device, DEVICE), ("commands", &command, COMMAND)] {
            let mut columns =
                transaction.prepare(&format!("select name from pragma_table_info('{table}')"))?;
            let columns: Vec<String> = columns
                .query_map([], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            let values: Vec<&str> = columns
                .iter()
                .map(|column| {
                    let value = changed.iter().find(|(name, _)| name == column);
                    value.map_or(column.as_str(), |(_, value)| value)
                })
                .collect();
            let mut values = values.join(", ");
            for (name, value) in &names {
                values = values.replace(name, value);
            }
            let columns = columns.join(", ");
            let copied = transaction.execute(
                &format!(
                    "insert into {table} ({columns}) select {values} from {numbers}, {table} where id = ?"
                ),
                [id],
            )?;
            ensure!(copied == copies, "{copied} rows of {table} were copied");
        }
        let [(_, id), ..] = &names;
        let own_group = format!("'group-' || (i - 1) / {GROUP}");
        for group in [format!("'{EVERYBODY}'"), own_group] {
            transaction.execute(
                &format!(
                    "insert into device_groups (device, name) select {id}, {group} from {numbers}"
                ),
                [],
            )?;
        }
        transaction.commit()?;
        connection.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()))?;
        Ok(())
    }

    /// How these commands stand; none: the store doesn't know it.
    pub async fn stand(&self, commands: &[String]) -> anyhow::Result<Vec<Option<Stands>>> {
        let Self::Sqlite(path) = self;
        let connection = Connection::open(path)?;
        let mut query = connection.prepare(
            "select status, outbox.command is not null from commands \
             left join outbox on outbox.command = id where id = ?",
        )?;
        let mut stand = Vec::new();
        for command in commands {
            let found = query.query_row([command], |row| {
                Ok(Stands {
                    status: row.get(0)?,
                    is_in_outbox: row.get(1)?,
                })
            });
            stand.push(found.optional()?);
        }
        Ok(stand)
    }
}

/// What the ids of copies begin with: a version 7 UUID without its last part.
fn prefix(id: &str) -> anyhow::Result<&str> {
    id.get(..24).context("the id is no UUID")
}
