//! SQLite's catalog, `sqlite_schema`, which keeps each table as the text that made it.

use crate::error::Error;
use mdm_server_core::store::schema::{HISTORY, Schema};
use rusqlite::Connection;

/// Reads the schema of the file, without the tables of SQLite and of the migration library.
pub(super) fn read(connection: &Connection) -> Result<Schema, Error> {
    let mut query = connection.prepare_cached(
        "select type, name, tbl_name, sql from sqlite_schema \
         where sql is not null and substr(name, 1, 7) <> 'sqlite_' and name <> ?",
    )?;
    let mut rows = query.query([HISTORY])?;
    let mut schema = Schema::default();
    while let Some(row) = rows.next()? {
        let (kind, name, table, sql): (String, String, String, String) =
            (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        let sql = plain(&sql);
        match kind.as_str() {
            "table" => add_table(&mut schema, &name, &sql),
            _ => schema.add(format!("{kind} {name}"), &table, sql),
        }
    }
    Ok(schema)
}

/// Adds a table by its columns and constraints, so that a difference can be named.
fn add_table(schema: &mut Schema, name: &str, sql: &str) {
    let (head, rest) = sql.split_once('(').unwrap_or((sql, ""));
    let (items, options) = items(rest);
    let mut columns = Vec::new();
    for item in items {
        let (word, _) = item.split_once(' ').unwrap_or((item, ""));
        let word = word.split('(').next().unwrap_or(word).to_lowercase();
        match word.as_str() {
            "primary" | "unique" | "check" | "foreign" | "constraint" => {
                schema.add(format!("constraint {item} of {name}"), name, String::new());
            }
            _ => {
                schema.add(format!("column {name}.{word}"), name, item.to_owned());
                columns.push(word);
            }
        }
    }
    let kind = head.split(name).next().unwrap_or_default();
    let definition = format!("{kind}({}){options}", columns.join(", "));
    schema.add(format!("table {name}"), name, definition);
}

/// The text between a table's parentheses, and the text after them.
fn items(text: &str) -> (Vec<&str>, &str) {
    let mut items = Vec::new();
    let (mut depth, mut is_quoted, mut begin) = (0_u32, false, 0);
    for (at, character) in text.char_indices() {
        match character {
            '\'' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            '(' => depth += 1,
            ',' if depth == 0 => {
                items.push(text[begin..at].trim());
                begin = at + 1;
            }
            ')' if depth == 0 => {
                items.push(text[begin..at].trim());
                return (items, text[at + 1..].trim());
            }
            ')' => depth -= 1,
            _ => {}
        }
    }
    (items, "")
}

/// Normalizes a statement: without comments, with single spaces, and without the quotes of names.
fn plain(sql: &str) -> String {
    let mut plain = String::with_capacity(sql.len());
    let mut characters = sql.chars().peekable();
    let mut is_quoted = false;
    while let Some(character) = characters.next() {
        match character {
            '\'' => {
                is_quoted = !is_quoted;
                plain.push(character);
            }
            _ if is_quoted => plain.push(character),
            '-' if characters.peek() == Some(&'-') => {
                for skipped in characters.by_ref() {
                    if skipped == '\n' {
                        break;
                    }
                }
                plain.push(' ');
            }
            '"' => {}
            _ if character.is_whitespace() => plain.push(' '),
            _ => plain.push(character),
        }
    }
    let words: Vec<&str> = plain.split(' ').filter(|word| !word.is_empty()).collect();
    words.join(" ").replace("( ", "(").replace(" )", ")")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(sql: &str) -> Schema {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(sql).unwrap();
        read(&connection).unwrap()
    }

    const TABLE: &str = "create table t (a text not null default '(,', b integer check (b in (1, 2)), \
                         primary key (a, b)) strict, without rowid";

    #[test]
    fn comments_and_spaces_make_no_difference() {
        let other = "create table t (  -- a table, (of two\n a text not null default '(,',\n b integer \
                     check (b in (1, 2)),\n primary key (a, b)\n) strict, without rowid";
        assert_eq!(made(TABLE), made(other));
    }

    #[test]
    fn a_table_that_was_renamed_and_renamed_back_is_the_same() {
        let renamed = format!("{TABLE}; alter table t rename to u; alter table u rename to t");
        assert_eq!(made(TABLE), made(&renamed));
    }

    #[test]
    fn each_thing_that_differs_is_named() {
        for (from, to, named) in [
            ("'(,'", "'x'", "column t.a is defined in another way"),
            ("(1, 2)", "(1)", "column t.b is defined in another way"),
            ("strict, ", "", "table t is defined in another way"),
            ("a text", "c text, a text", "column t.c is not part of it"),
            (
                "(a, b)",
                "(b, a)",
                "constraint primary key (a, b) of t is missing",
            ),
        ] {
            let differs = made(TABLE).check(&made(&TABLE.replacen(from, to, 1)));
            let differs = differs.unwrap_err().to_string();
            assert!(differs.contains(named), "{to}: {differs}");
        }
        let index = made(&format!("{TABLE}; create index i on t (b)"));
        let trigger = |what| {
            made(&format!(
                "{TABLE}; create trigger g after insert on t begin {what}; end"
            ))
        };
        let differs = |one: &Schema, other: &Schema| one.check(other).unwrap_err().to_string();
        assert!(differs(&index, &made(TABLE)).contains("index i is missing"));
        assert!(differs(&made(TABLE), &index).contains("index i is not part of it"));
        let differs = differs(&trigger("select 1"), &trigger("select 2"));
        assert!(
            differs.contains("trigger g is defined in another way"),
            "{differs}"
        );
    }

    #[test]
    fn a_column_in_another_place_is_a_difference() {
        let (one, other) = ("create table t (a, b)", "create table t (b, a)");
        assert!(made(one).check(&made(other)).is_err());
    }
}
