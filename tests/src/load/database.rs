//! Direct access of the load test to a server's database: it copies devices, and reads the state of commands.

use crate::postgres::Postgres;
use anyhow::{Context as _, ensure};
use rusqlite::Connection;
use std::{collections::HashMap, path::PathBuf};

/// The size of a group. All devices are in [`EVERYBODY`], too.
pub const GROUP: usize = 5000;

/// The group of all devices.
pub const EVERYBODY: &str = "everybody";

/// A host's database.
pub enum Database {
    /// A file of SQLite.
    Sqlite(PathBuf),
    /// A database of this name on a server.
    Postgres(Postgres, &'static str),
}

/// The state of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stands {
    /// Its status, as JSON.
    pub status: String,
    /// It waits in the outbox.
    pub is_in_outbox: bool,
}

/// The differences between a device and its copy, as SQL: `{id}` is the copy's id, `{command}` that of its command, `i`
/// its number.
const DEVICE: &[(&str, &str)] = &[
    ("id", "{id}"),
    ("name", "'phone ' || i"),
    ("search_text", "'phone ' || i || '\n' || {id}"),
    ("latest_command", "{command}"),
    ("policy_override_command", "{command}"),
];

/// The same of a command.
const COMMAND: &[(&str, &str)] = &[("id", "{command}"), ("device", "{id}")];

/// In one transaction, PostgreSQL's triggers would go through all the counts that they have made so far, row by row: it
/// counts at the end.
const WITHOUT_TRIGGERS: &str = "set session_replication_role = replica";
const COUNT: &str = "delete from fleet_counts; \
    insert into fleet_counts select '', status, is_overridden, count(*) from devices group by 1, 2, 3; \
    insert into fleet_counts select device_groups.name, status, is_overridden, count(*) \
    from device_groups join devices on device = id group by 1, 2, 3";

/// Commands that are looked up at a time.
const PAGE: usize = 500;

impl Database {
    /// Copies a device and its command this many times.
    pub fn copy(&self, device: &str, copies: usize) -> anyhow::Result<()> {
        let latest = format!("select latest_command from devices where id = '{device}'");
        let command = self.ask(&latest)?.pop().context("no such device")?;
        let id = format!("'{}' || {}", prefix(device)?, self.digits());
        let command_id = format!("'{}' || {}", prefix(&command)?, self.digits());
        let numbers = self.numbers(copies);
        let mut statements = Vec::new();
        for (table, from, changed) in [("devices", device, DEVICE), ("commands", &command, COMMAND)]
        {
            let columns = self.columns(table)?;
            let value = |column: &String| {
                let changed = changed.iter().find(|(name, _)| name == column);
                let value = changed.map_or(column.as_str(), |(_, value)| value);
                value.replace("{id}", &id).replace("{command}", &command_id)
            };
            let values: Vec<String> = columns.iter().map(value).collect();
            statements.push(format!(
                "insert into {table} ({}) select {} from {numbers}, {table} where id = '{from}'",
                columns.join(", "),
                values.join(", ")
            ));
        }
        let own_group = format!("'group-' || ((i - 1) / {GROUP})");
        for group in [format!("'{EVERYBODY}'"), own_group] {
            statements.push(format!(
                "insert into device_groups (device, name) select {id}, {group} from {numbers}"
            ));
        }
        self.change(&statements)?;
        let count =
            self.ask("select cast(sum(devices) as text) from fleet_counts where name = ''")?;
        ensure!(
            count == [(copies + 1).to_string()],
            "not all were copied: {count:?}"
        );
        Ok(())
    }

    /// The states of these commands. `None` for a command that the store does not have.
    pub fn stand(&self, commands: &[String]) -> anyhow::Result<Vec<Option<Stands>>> {
        let mut found = HashMap::new();
        for page in commands.chunks(PAGE) {
            let rows = self.ask(&format!(
                "select id || ' ' || case when outbox.command is null then '-' else '+' end || ' ' || status \
                 from commands left join outbox on outbox.command = id where id in ('{}')",
                page.join("', '")
            ))?;
            for row in rows {
                let mut parts = row.splitn(3, ' ').map(str::to_owned);
                let mut part = || parts.next().context("a row is not as it was asked for");
                let (id, in_outbox, status) = (part()?, part()?, part()?);
                let is_in_outbox = in_outbox == "+";
                found.insert(
                    id,
                    Stands {
                        status,
                        is_in_outbox,
                    },
                );
            }
        }
        Ok(commands.iter().map(|id| found.remove(id)).collect())
    }

    /// The first column of this query's rows, as text.
    fn ask(&self, query: &str) -> anyhow::Result<Vec<String>> {
        let file = match self {
            Self::Sqlite(file) => file,
            Self::Postgres(server, name) => {
                let rows = server.ask(name, query)?;
                return Ok(rows.lines().map(str::to_owned).collect());
            }
        };
        let connection = Connection::open(file)?;
        let mut query = connection.prepare(query)?;
        let rows = query.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Carries these out together.
    fn change(&self, statements: &[String]) -> anyhow::Result<()> {
        let file = match self {
            Self::Sqlite(file) => file,
            Self::Postgres(server, name) => {
                let statements = statements.join("; ");
                server.ask(name, &format!("{WITHOUT_TRIGGERS}; {statements}; {COUNT}"))?;
                return Ok(());
            }
        };
        let connection = Connection::open(file)?;
        // A database that a power cut damages is made again.
        connection.pragma_update(None, "synchronous", "off")?;
        let transaction = connection.unchecked_transaction()?;
        for statement in statements {
            transaction.execute(statement, [])?;
        }
        transaction.commit()?;
        connection.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()))?;
        Ok(())
    }

    /// The columns of a table that can be written.
    fn columns(&self, table: &str) -> anyhow::Result<Vec<String>> {
        match self {
            Self::Sqlite(_) => self.ask(&format!("select name from pragma_table_info('{table}')")),
            Self::Postgres(..) => self.ask(&format!(
                "select column_name from information_schema.columns \
                 where table_name = '{table}' and is_generated = 'NEVER'"
            )),
        }
    }

    /// A table of the numbers from 1 on, as `i`.
    fn numbers(&self, most: usize) -> String {
        if let Self::Postgres(..) = self {
            return format!("generate_series(1, {most}) i");
        }
        format!(
            "(with recursive n(i) as (select 1 union all select i + 1 from n where i < {most}) select i from n) n"
        )
    }

    /// The number `i` as the last part of a UUID.
    fn digits(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "printf('%012x', i)",
            Self::Postgres(..) => "lpad(to_hex(i), 12, '0')",
        }
    }
}

/// The prefix of the ids of copies: a version 7 UUID without its last part.
fn prefix(id: &str) -> anyhow::Result<&str> {
    id.get(..24).context("the id is no UUID")
}
