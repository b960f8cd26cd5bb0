//! Runs the shared statements in SQLite.
//!
//! SQLite takes `$1` for the name of a parameter, so each value is bound by its name.

use super::{
    SqliteStore, audit, idempotency,
    rows::{self, DEVICE_COLUMNS},
};
use crate::error::Error;
use async_trait::async_trait;
use mdm_server_core::store::{
    Changes, RequestRecord, Snapshot, StoreError, StoredResponse,
    sql::{Dialect, Engine, Job, Row, Statement, Tx, Value},
};
use rusqlite::{
    Connection,
    types::{ToSqlOutput, ValueRef},
};
use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

impl Engine for SqliteStore {
    const DIALECT: Dialect = Dialect::Sqlite;

    async fn query(&self, sql: &str, values: &[Value]) -> Result<Vec<Row>, StoreError> {
        let (sql, values) = (sql.to_owned(), values.to_vec());
        self.read(move |connection| select(connection, &sql, &values))
            .await
    }

    async fn look_up(&self, sql: &str, values: &[Value]) -> Result<Vec<Row>, StoreError> {
        SqliteStore::look_up(self, |connection| select(connection, sql, values))
    }

    async fn snapshots(&self, ids: &str, values: &[Value]) -> Result<Vec<Snapshot>, StoreError> {
        let sql = format!("select {DEVICE_COLUMNS} from devices where id in ({ids}) order by id");
        let values = values.to_vec();
        self.read(move |connection| {
            let transaction = connection.unchecked_transaction()?;
            let mut statement = transaction.prepare_cached(&sql)?;
            bind(&mut statement, &values)?;
            let devices = statement.raw_query().mapped(rows::device);
            let snapshots = devices.map(|device| rows::with_commands(&transaction, device?));
            Ok(snapshots.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn write<T: Send + 'static>(&self, job: impl Job<T>) -> Result<T, StoreError> {
        self.writer
            .run_exclusively(move |connection| {
                let mut transaction = Transaction { connection };
                Ok(at_once(job(&mut transaction))??)
            })
            .await
    }
}

/// The result of a future that waits for nothing but SQLite, which answers before it returns.
pub(super) fn at_once<T>(future: impl Future<Output = T>) -> Result<T, StoreError> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => Ok(result),
        Poll::Pending => Err(StoreError::Failed(
            "a job of the store waits for something else than its transaction".into(),
        )),
    }
}

/// The transaction of a job.
pub(super) struct Transaction<'c> {
    /// Exclusive, so that a job may be sent to another thread with it, although threads can't share a connection.
    pub(super) connection: &'c mut Connection,
}

#[async_trait]
impl Tx for Transaction<'_> {
    async fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, StoreError> {
        Ok(select(self.connection, sql, values)?)
    }

    async fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, StoreError> {
        Ok(execute(self.connection, sql, values)?)
    }

    async fn execute_all(&mut self, statements: Vec<Statement>) -> Result<(), StoreError> {
        for (sql, values) in &statements {
            execute(self.connection, sql, values)?;
        }
        Ok(())
    }

    async fn write_records(&mut self, records: Vec<RequestRecord>) -> Result<(), StoreError> {
        for record in &records {
            audit::write(self.connection, record)?;
        }
        Ok(())
    }

    async fn store_response(&mut self, response: StoredResponse) -> Result<(), StoreError> {
        Ok(idempotency::insert(self.connection, &response)?)
    }

    /// There are no other replicas.
    fn tell(&mut self, _: Changes) {}
}

fn select(connection: &Connection, sql: &str, values: &[Value]) -> Result<Vec<Row>, Error> {
    let mut statement = connection.prepare_cached(sql)?;
    bind(&mut statement, values)?;
    let columns: Arc<[String]> = statement
        .column_names()
        .into_iter()
        .map(str::to_owned)
        .collect();
    let mut found = statement.raw_query();
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        let values = (0..columns.len()).map(|index| value(row.get_ref(index)?));
        rows.push(Row::new(&columns, values.collect::<Result<_, Error>>()?));
    }
    Ok(rows)
}

/// The texts of the first column.
pub(super) fn texts(
    connection: &Connection,
    sql: &str,
    values: &[Value],
) -> Result<Vec<String>, Error> {
    let mut statement = connection.prepare_cached(sql)?;
    bind(&mut statement, values)?;
    let texts = statement.raw_query().mapped(|row| row.get(0));
    Ok(texts.collect::<Result<_, _>>()?)
}

fn execute(connection: &Connection, sql: &str, values: &[Value]) -> Result<u64, Error> {
    let mut statement = connection.prepare_cached(sql)?;
    bind(&mut statement, values)?;
    Ok(statement.raw_execute()? as u64)
}

fn bind(statement: &mut rusqlite::Statement<'_>, values: &[Value]) -> Result<(), Error> {
    for (number, value) in (1..).zip(values) {
        let name = format!("${number}");
        let Some(index) = statement.parameter_index(&name)? else {
            return Err(StoreError::Failed(format!("the statement has no {name}")).into());
        };
        statement.raw_bind_parameter(index, parameter(value)?)?;
    }
    Ok(())
}

fn parameter(value: &Value) -> Result<ToSqlOutput<'_>, Error> {
    Ok(match value {
        Value::Null => ToSqlOutput::Borrowed(ValueRef::Null),
        Value::Boolean(value) => ToSqlOutput::Borrowed(ValueRef::Integer((*value).into())),
        Value::Integer(number) => ToSqlOutput::Borrowed(ValueRef::Integer(*number)),
        Value::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        Value::Bytes(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
        Value::Texts(texts) => ToSqlOutput::Owned(rows::to_json(texts)?.into()),
    })
}

fn value(value: ValueRef<'_>) -> Result<Value, Error> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Text(_) => Value::Text(value.as_str().map_err(rusqlite::Error::from)?.to_owned()),
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
        ValueRef::Real(_) => return Err(StoreError::Failed("a column is no integer".into()).into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_bound_by_their_names_in_whatever_order_they_are_used() {
        let connection = Connection::open_in_memory().unwrap();
        let sql = "select $2 as second, $1 as first, $2 as again";
        let rows = select(&connection, sql, &["one".into(), 2_u32.into()]).unwrap();
        assert_eq!(rows[0].get::<String>("first").unwrap(), "one");
        assert_eq!(rows[0].get::<u64>("second").unwrap(), 2);
        assert_eq!(rows[0].get::<u64>("again").unwrap(), 2);
        assert!(execute(&connection, "select $1", &[1_u32.into(), 2_u32.into()]).is_err());
    }

    #[test]
    fn a_job_that_waits_for_something_else_errs() {
        let never = at_once(std::future::pending::<()>());
        assert!(matches!(never, Err(StoreError::Failed(why)) if why.contains("waits")));
    }
}
