//! The schema of a database, for comparison: its tables, columns, constraints, indexes, triggers and functions, without
//! comments and white space. Each store reads its own catalog into it.

use super::StoreError;
use refinery::{Migration, Runner};
use sha2::{Digest as _, Sha256};
use std::{collections::BTreeMap, error::Error as _};

/// The migration library's table of applied migrations.
pub const HISTORY: &str = "schema_history";

/// Maximum number of differences in an error.
const MAX_DIFFERENCES: usize = 12;

/// Migrations by the name `V<version>__<what>`, in their order from version 1 on.
pub type Migrations = &'static [(&'static str, &'static str)];

/// Applies migrations, each in one transaction with its line in the history.
pub fn runner(migrations: Migrations) -> Result<Runner, StoreError> {
    let made = migrations
        .iter()
        .map(|(name, sql)| Migration::unapplied(name, sql));
    let made: Vec<_> = made.collect::<Result<_, _>>().map_err(failed)?;
    let mut runner = Runner::new(&made)
        // The schema itself is compared, so a migration's comment may change.
        .set_abort_divergent(false);
    runner.set_migration_table_name(HISTORY);
    Ok(runner)
}

/// A failed migration.
pub fn failed(error: refinery::Error) -> StoreError {
    let why = error.source().map(|why| format!(": {why}"));
    StoreError::Failed(format!("{error}{}", why.unwrap_or_default()))
}

/// Errors if the tables are at a version that these migrations don't know.
pub fn refuse_newer(applied: i64, migrations: Migrations) -> Result<usize, StoreError> {
    let known = migrations.len();
    usize::try_from(applied)
        .ok()
        .filter(|applied| *applied <= known)
        .ok_or(StoreError::NewerSchema {
            schema_version: applied,
            known,
        })
}

/// A schema: each object, such as `column devices.name`, with its table and its definition.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Schema(BTreeMap<String, Part>);

#[derive(Debug, PartialEq, Eq)]
struct Part {
    table: String,
    definition: String,
}

impl Schema {
    /// Adds an object.
    pub fn add(&mut self, thing: String, table: &str, definition: String) {
        let table = table.to_owned();
        self.0.insert(thing, Part { table, definition });
    }

    /// Returns `true` if it has this table.
    pub fn has_table(&self, name: &str) -> bool {
        self.0.contains_key(&format!("table {name}"))
    }

    /// A digest of the schema and of its migrations. The database keeps it, so that a start need not make the schema
    /// again to compare it.
    pub fn digest(&self, migrations: Migrations) -> String {
        let mut digest = Sha256::new();
        let mut add = |text: &str| {
            digest.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(text);
        };
        for (name, sql) in migrations {
            add(name);
            add(sql);
        }
        for (thing, part) in &self.0 {
            add(thing);
            add(&part.definition);
        }
        let hex = digest.finalize();
        hex.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Errors if `found` differs from this schema. Additional tables are allowed: they belong to others.
    pub fn check(&self, found: &Self) -> Result<(), StoreError> {
        match self.differences(found) {
            differences if differences.is_empty() => Ok(()),
            differences => Err(other_schema(differences)),
        }
    }

    fn differences(&self, found: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        for (thing, part) in &self.0 {
            if !found.has_table(&part.table) {
                if thing.starts_with("table ") {
                    differences.push(format!("{thing} is missing"));
                }
                continue;
            }
            match found.0.get(thing) {
                None => differences.push(format!("{thing} is missing")),
                Some(other) if other.definition != part.definition => {
                    differences.push(format!("{thing} is defined in another way"));
                }
                Some(_) => {}
            }
        }
        let additional = found
            .0
            .iter()
            .filter(|(thing, part)| self.has_table(&part.table) && !self.0.contains_key(*thing));
        differences.extend(additional.map(|(thing, _)| format!("{thing} is not part of it")));
        without_what_columns_tell(differences)
    }
}

/// Leaves out tables whose columns are among the differences.
fn without_what_columns_tell(differences: Vec<String>) -> Vec<String> {
    let is_told = |difference: &str| {
        let table = difference
            .strip_prefix("table ")
            .and_then(|rest| rest.split(' ').next());
        table.is_some_and(|table| {
            let columns = format!("column {table}.");
            differences.iter().any(|other| other.starts_with(&columns))
        })
    };
    differences
        .iter()
        .filter(|difference| !is_told(difference))
        .cloned()
        .collect()
}

/// The tables are not those that this version makes.
pub fn other_schema(mut differences: Vec<String>) -> StoreError {
    let more = differences.len().saturating_sub(MAX_DIFFERENCES);
    differences.truncate(MAX_DIFFERENCES);
    if more > 0 {
        differences.push(format!("and {more} more"));
    }
    StoreError::OtherSchema(differences.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(things: &[(&str, &str, &str)]) -> Schema {
        let mut schema = Schema::default();
        for (thing, table, definition) in things {
            schema.add((*thing).to_owned(), table, (*definition).to_owned());
        }
        schema
    }

    const EXPECTED: &[(&str, &str, &str)] = &[
        ("table devices", "devices", "id, name"),
        ("column devices.id", "devices", "text"),
        ("column devices.name", "devices", "text"),
        ("index by_name", "devices", "(name)"),
    ];

    #[test]
    fn a_difference_is_named_by_the_smallest_thing_that_differs() {
        let changed = |from: &str, to: Option<(&'static str, &'static str, &'static str)>| {
            let kept = EXPECTED.iter().filter(|(thing, ..)| *thing != from);
            let things: Vec<_> = kept.copied().chain(to).collect();
            schema(EXPECTED).differences(&schema(&things))
        };
        assert!(changed("", None).is_empty());
        let shorter = ("table devices", "devices", "id");
        let mut without = changed("table devices", Some(shorter));
        assert_eq!(without, ["table devices is defined in another way"]);
        without = changed("column devices.name", None);
        assert_eq!(without, ["column devices.name is missing"]);
        let other = ("index by_name", "devices", "(id)");
        assert_eq!(
            changed("index by_name", Some(other)),
            ["index by_name is defined in another way"]
        );
        let more = ("trigger t", "devices", "delete");
        assert_eq!(changed("", Some(more)), ["trigger t is not part of it"]);
    }

    #[test]
    fn a_missing_table_is_named_without_its_parts_and_tables_of_others_may_be_there() {
        let others = schema(&[("table notes", "notes", "x"), ("index n", "notes", "y")]);
        assert_eq!(
            schema(EXPECTED).differences(&others),
            ["table devices is missing"]
        );
        let both: Vec<_> = EXPECTED
            .iter()
            .copied()
            .chain([("table notes", "notes", "x")])
            .collect();
        assert!(schema(EXPECTED).check(&schema(&both)).is_ok());
    }

    #[test]
    fn a_digest_tells_schemas_and_migrations_apart() {
        const ONE: Migrations = &[("V1__first", "create table devices")];
        const OTHER: Migrations = &[("V1__first", "create table devices -- all")];
        let digest = schema(EXPECTED).digest(ONE);
        assert_eq!(digest, schema(EXPECTED).digest(ONE));
        assert_ne!(digest, schema(EXPECTED).digest(OTHER));
        assert_ne!(digest, schema(&EXPECTED[1..]).digest(ONE));
    }

    #[test]
    fn an_error_names_a_few_differences_and_counts_the_others() {
        let many = (0..20).map(|number| format!("index {number} is missing"));
        let error = other_schema(many.collect()).to_string();
        assert!(error.contains("index 11 is missing; and 8 more"), "{error}");
    }
}
