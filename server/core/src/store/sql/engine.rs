//! The database interface of the shared parts of a store: statements, alone or in a transaction.

use super::value::{Row, Value};
use crate::store::{Changes, RequestRecord, Snapshot, StoreError, StoredResponse};
use async_trait::async_trait;
use futures_util::future::BoxFuture;

/// The SQL of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// That of SQLite.
    Sqlite,
    /// That of PostgreSQL.
    Postgres,
}

impl Dialect {
    /// Chooses from a pair of texts, where the dialects differ.
    pub fn choose<'a>(self, sqlite: &'a str, postgres: &'a str) -> &'a str {
        match self {
            Self::Sqlite => sqlite,
            Self::Postgres => postgres,
        }
    }

    /// A condition: the column is in the list that is the value at this place, such as `$1`.
    pub fn is_in(self, column: &str, place: &str) -> String {
        match self {
            Self::Sqlite => format!("{column} in (select value from json_each({place}))"),
            Self::Postgres => format!("{column} = any({place})"),
        }
    }
}

/// A database that runs statements. Their values are called `$1`, `$2` and so on.
pub trait Engine: Send + Sync + 'static {
    /// The dialect of its statements.
    const DIALECT: Dialect;

    /// Reads rows, outside of any transaction.
    fn query(
        &self,
        sql: &str,
        values: &[Value],
    ) -> impl Future<Output = Result<Vec<Row>, StoreError>> + Send;

    /// Reads a few rows by their keys. It costs less than [`Engine::query`] where that hands the statement to another
    /// thread.
    fn look_up(
        &self,
        sql: &str,
        values: &[Value],
    ) -> impl Future<Output = Result<Vec<Row>, StoreError>> + Send {
        self.query(sql, values)
    }

    /// Reads devices with their commands, by id. `ids` is a query that finds their ids.
    fn snapshots(
        &self,
        ids: &str,
        values: &[Value],
    ) -> impl Future<Output = Result<Vec<Snapshot>, StoreError>> + Send;

    /// Runs a job in the next transaction, and returns once that is durable. If the job errs, its changes are rolled
    /// back. A job awaits its transaction and nothing else.
    fn write<T: Send + 'static>(
        &self,
        job: impl Job<T>,
    ) -> impl Future<Output = Result<T, StoreError>> + Send;
}

/// The body of a transaction.
pub trait Job<T>:
    for<'t> FnOnce(&'t mut (dyn Tx + 't)) -> BoxFuture<'t, Result<T, StoreError>> + Send + 'static
{
}

impl<T, J> Job<T> for J where
    J: for<'t> FnOnce(&'t mut (dyn Tx + 't)) -> BoxFuture<'t, Result<T, StoreError>>
        + Send
        + 'static
{
}

/// A statement with its values.
pub type Statement = (&'static str, Vec<Value>);

/// A transaction, as a job sees it.
#[async_trait]
pub trait Tx: Send {
    /// Runs a statement, and returns its rows.
    async fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, StoreError>;

    /// Runs a statement, and returns how many rows it has written.
    async fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, StoreError>;

    /// Runs independent statements in order. They may be sent together.
    async fn execute_all(&mut self, statements: Vec<Statement>) -> Result<(), StoreError>;

    /// Writes the records of requests: their lines in the audit trail, and their responses.
    async fn write_records(&mut self, records: Vec<RequestRecord>) -> Result<(), StoreError>;

    /// Stores the response of a request that has no line in the audit trail.
    async fn store_response(&mut self, response: StoredResponse) -> Result<(), StoreError>;

    /// Notifies the other replicas of a change, once it is durable.
    fn tell(&mut self, changes: Changes);

    /// Runs a statement, and returns its first row, if there is one.
    async fn row(&mut self, sql: &str, values: &[Value]) -> Result<Option<Row>, StoreError> {
        Ok(self.query(sql, values).await?.into_iter().next())
    }

    /// Returns `true` if a query finds a row.
    async fn exists(&mut self, sql: &str, values: &[Value]) -> Result<bool, StoreError> {
        Ok(!self.query(sql, values).await?.is_empty())
    }

    /// Writes the record of a request.
    async fn audit(&mut self, record: RequestRecord) -> Result<(), StoreError> {
        self.write_records(vec![record]).await
    }

    /// Writes the record if rows were changed, and returns `true` then.
    async fn audit_if_done(
        &mut self,
        rows: u64,
        record: RequestRecord,
    ) -> Result<bool, StoreError> {
        if rows > 0 {
            self.audit(record).await?;
        }
        Ok(rows > 0)
    }
}
