//! Runs the shared statements in PostgreSQL.

use super::{
    PostgresStore,
    connection::{self, Executor, Step, failed},
    idempotency,
    rows::{self, SNAPSHOTS},
    writer::Batch,
};
use async_trait::async_trait;
use bytes::BytesMut;
use mdm_server_core::store::{
    Changes, RequestRecord, Snapshot, StoreError, StoredResponse,
    sql::{Dialect, Engine, Job, Row, Statement, Tx, Value},
};
use std::{borrow::Borrow, error::Error, fmt, sync::Arc};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, WrongType, to_sql_checked};

impl Engine for PostgresStore {
    const DIALECT: Dialect = Dialect::Postgres;

    async fn query(&self, sql: &str, values: &[Value]) -> Result<Vec<Row>, StoreError> {
        select(&self.reader().await?, sql, values).await
    }

    async fn snapshots(&self, ids: &str, values: &[Value]) -> Result<Vec<Snapshot>, StoreError> {
        let sql = format!("{SNAPSHOTS} where d.id = any(array({ids})) order by d.id");
        let values: Vec<_> = values.iter().map(Parameter).collect();
        let found = self.reader().await?.rows(&sql, &borrowed(&values)).await?;
        found.iter().map(rows::snapshot).collect()
    }

    async fn write<T: Send + 'static>(&self, job: impl Job<T>) -> Result<T, StoreError> {
        self.writer
            .run(move |batch| async move { job(&mut Transaction(batch)).await })
            .await
    }
}

/// The transaction of a job.
pub(super) struct Transaction(pub(super) Arc<Batch>);

#[async_trait]
impl Tx for Transaction {
    async fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, StoreError> {
        select(&**self.0, sql, values).await
    }

    async fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, StoreError> {
        let values: Vec<_> = values.iter().map(Parameter).collect();
        self.0.write(sql, &borrowed(&values)).await
    }

    async fn execute_all(&mut self, statements: Vec<Statement>) -> Result<(), StoreError> {
        let boxed = |value| Box::new(Parameter(value)) as connection::Value;
        let steps = statements.into_iter().map(|(sql, values)| {
            let values = values.into_iter().map(boxed);
            Step::new(sql, values.collect())
        });
        self.0.together(steps.collect()).await?;
        Ok(())
    }

    async fn write_records(&mut self, records: Vec<RequestRecord>) -> Result<(), StoreError> {
        let records = records.into_iter();
        let steps = records.flat_map(|record| self.0.record(record)).collect();
        self.0.together(steps).await?;
        Ok(())
    }

    async fn store_response(&mut self, response: StoredResponse) -> Result<(), StoreError> {
        let steps = idempotency::insert(response).into();
        self.0.together(steps).await?;
        Ok(())
    }

    fn tell(&mut self, changes: Changes) {
        self.0.tell(|told| told.add(changes));
    }
}

async fn select(
    client: &impl Executor,
    sql: &str,
    values: &[Value],
) -> Result<Vec<Row>, StoreError> {
    let values: Vec<_> = values.iter().map(Parameter).collect();
    let found = client.rows(sql, &borrowed(&values)).await?;
    let Some(first) = found.first() else {
        return Ok(Vec::new());
    };
    let columns = first
        .columns()
        .iter()
        .map(|column| column.name().to_owned());
    let columns: Arc<[String]> = columns.collect();
    let rows = found.iter().map(|row| {
        let values = (0..columns.len()).map(|index| Ok(row.try_get::<_, Column>(index)?.0));
        let values: Result<_, tokio_postgres::Error> = values.collect();
        Ok(Row::new(&columns, values.map_err(failed)?))
    });
    rows.collect()
}

fn borrowed<'a>(values: &'a [Parameter<&Value>]) -> Vec<&'a (dyn ToSql + Sync)> {
    let values = values.iter();
    values.map(|value| value as &(dyn ToSql + Sync)).collect()
}

/// A value on its way into a statement.
#[derive(Debug)]
struct Parameter<V>(V);

impl<V: Borrow<Value> + fmt::Debug> ToSql for Parameter<V> {
    fn to_sql(
        &self,
        of: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self.0.borrow() {
            Value::Null => Ok(IsNull::Yes),
            Value::Boolean(value) => value.to_sql_checked(of, out),
            Value::Integer(number) if *of == Type::INT4 => {
                i32::try_from(*number)?.to_sql_checked(of, out)
            }
            Value::Integer(number) => number.to_sql_checked(of, out),
            Value::Text(text) => text.to_sql_checked(of, out),
            Value::Bytes(bytes) => bytes.to_sql_checked(of, out),
            Value::Texts(texts) => texts.to_sql_checked(of, out),
        }
    }

    /// `to_sql` checks the type.
    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// A value on its way out of a row.
struct Column(Value);

impl<'a> FromSql<'a> for Column {
    fn from_sql(of: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(match *of {
            Type::BOOL => Value::Boolean(bool::from_sql(of, raw)?),
            Type::INT4 => Value::Integer(i32::from_sql(of, raw)?.into()),
            Type::INT8 => Value::Integer(i64::from_sql(of, raw)?),
            Type::BYTEA => Value::Bytes(Vec::from_sql(of, raw)?),
            Type::TEXT => Value::Text(String::from_sql(of, raw)?),
            _ => return Err(WrongType::new::<Self>(of.clone()).into()),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(Value::Null))
    }

    /// `from_sql` checks the type.
    fn accepts(_: &Type) -> bool {
        true
    }
}
