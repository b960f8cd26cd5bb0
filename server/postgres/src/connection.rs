//! Asking PostgreSQL: statements are prepared once for each connection, and those that need no answer of each other
//! travel together.

use deadpool_postgres::{ClientWrapper, Object};
use futures_util::future::join_all;
use mdm_server_core::store::{Busy, StoreError};
use parking_lot::Mutex;
use std::{
    error::Error as _,
    ops::Deref,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::timeout;
use tokio_postgres::{Row, error::SqlState, types::ToSql};

/// Timeout of a statement. The database ends statements before, so a longer silence is that of
/// a server that hangs, or of a network that drops packets.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// When the database last failed to answer in time, shared by all connections of a pool. A connection from before may
/// hang as well, so none of them is used again.
#[derive(Clone, Default)]
pub(super) struct Silence(Arc<Mutex<Option<Instant>>>);

impl Silence {
    /// Returns `true` if a connection that was used at this time may hang.
    pub(super) fn covers(&self, used: Instant) -> bool {
        let last = self.0.lock();
        last.is_some_and(|last| used <= last)
    }

    fn begin(&self) {
        let mut last = self.0.lock();
        *last = Some(Instant::now());
    }
}

/// A connection whose statements are answered within [`ANSWER_TIMEOUT`], or err.
pub(super) struct Connection {
    client: Client,
    silence: Silence,
}

enum Client {
    /// It goes back to the pool.
    Pooled(Object),
    /// It belongs to one user for good.
    Owned(ClientWrapper),
}

impl Connection {
    pub(super) fn pooled(object: Object, silence: Silence) -> Self {
        let client = Client::Pooled(object);
        Self { client, silence }
    }

    /// The same connection, which does not go back to the pool.
    pub(super) fn owned(self) -> Self {
        let silence = self.silence.clone();
        let client = Client::Owned(self.into_client());
        Self { client, silence }
    }

    /// Its client, which does not go back to the pool, and whose statements have no bound.
    pub(super) fn into_client(self) -> ClientWrapper {
        match self.client {
            Client::Pooled(object) => Object::take(object),
            Client::Owned(client) => client,
        }
    }

    async fn in_time<T>(
        &self,
        answer: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        match timeout(ANSWER_TIMEOUT, answer).await {
            Ok(answer) => answer,
            Err(_) => {
                self.silence.begin();
                Err(silent(ANSWER_TIMEOUT))
            }
        }
    }
}

impl Deref for Connection {
    type Target = ClientWrapper;

    fn deref(&self) -> &ClientWrapper {
        match &self.client {
            Client::Pooled(object) => object,
            Client::Owned(client) => client,
        }
    }
}

/// The database did not answer for so long.
pub(super) fn silent(time: Duration) -> StoreError {
    let seconds = time.as_secs();
    StoreError::Failed(format!("the database has not answered for {seconds} s"))
}

/// The value of a `$1` of a statement.
pub(super) type Value = Box<dyn ToSql + Sync + Send>;

/// The values of a statement, in their order.
macro_rules! values {
    ($($value:expr),* $(,)?) => {
        vec![$(Box::new($value) as $crate::connection::Value),*]
    };
}
pub(super) use values;

/// A statement that is carried out together with others.
pub(super) struct Step {
    sql: &'static str,
    values: Vec<Value>,
    /// The error if there was no such row.
    or: Option<StoreError>,
    /// The error if one of these unique indexes has such a row already.
    or_if_in: Vec<(&'static str, StoreError)>,
}

impl Step {
    pub(super) fn new(sql: &'static str, values: Vec<Value>) -> Self {
        Self {
            sql,
            values,
            or: None,
            or_if_in: Vec::new(),
        }
    }

    /// It errs so if there is no row for it.
    pub(super) fn or(self, error: StoreError) -> Self {
        Self {
            or: Some(error),
            ..self
        }
    }

    /// It errs so if such a row is in this unique index already.
    pub(super) fn or_if_in(mut self, index: &'static str, error: StoreError) -> Self {
        self.or_if_in.push((index, error));
        self
    }
}

/// Asking on a connection.
pub(super) trait Executor {
    async fn rows(&self, sql: &str, values: &[&(dyn ToSql + Sync)])
    -> Result<Vec<Row>, StoreError>;

    /// The one row, if there is one.
    async fn row_if_any(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, StoreError>;

    async fn row(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Row, StoreError>;

    /// Returns the number of rows that were written or found.
    async fn write(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<u64, StoreError>;

    /// Carries out statements one after the other, without waiting for the answer of one before the next is sent.
    /// It errs as the first of them does.
    async fn together(&self, steps: Vec<Step>) -> Result<Vec<u64>, StoreError>;
}

impl Executor for Connection {
    async fn rows(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        self.in_time(async {
            let statement = self.prepare_cached(sql).await.map_err(failed)?;
            self.query(&statement, values).await.map_err(failed)
        })
        .await
    }

    async fn row_if_any(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, StoreError> {
        self.in_time(async {
            let statement = self.prepare_cached(sql).await.map_err(failed)?;
            self.query_opt(&statement, values).await.map_err(failed)
        })
        .await
    }

    async fn row(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Row, StoreError> {
        self.in_time(async {
            let statement = self.prepare_cached(sql).await.map_err(failed)?;
            self.query_one(&statement, values).await.map_err(failed)
        })
        .await
    }

    async fn write(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<u64, StoreError> {
        self.in_time(async {
            let statement = self.prepare_cached(sql).await.map_err(failed)?;
            self.execute(&statement, values).await.map_err(failed)
        })
        .await
    }

    async fn together(&self, steps: Vec<Step>) -> Result<Vec<u64>, StoreError> {
        let answers = self
            .in_time(async {
                let mut statements = Vec::with_capacity(steps.len());
                for step in &steps {
                    statements.push(self.prepare_cached(step.sql).await.map_err(failed)?);
                }
                // They are sent in the order in which they are asked for the first time, which is this one.
                let sent = steps.iter().zip(&statements).map(|(step, statement)| {
                    let values = step
                        .values
                        .iter()
                        .map(|value| &**value as &(dyn ToSql + Sync));
                    self.execute_raw(statement, values.collect::<Vec<_>>())
                });
                Ok(join_all(sent).await)
            })
            .await?;
        steps
            .into_iter()
            .zip(answers)
            .map(|(step, answer)| match (answer, step.or) {
                (Ok(0), Some(error)) => Err(error),
                (Ok(rows), _) => Ok(rows),
                (Err(error), _) => {
                    let index = clash(&error);
                    let mut known = step.or_if_in.into_iter();
                    let clash = known.find(|(name, _)| index == Some(*name));
                    Err(clash.map_or_else(|| failed(error), |(_, clash)| clash))
                }
            })
            .collect()
    }
}

/// The database's message of an error, without values.
pub(super) fn described(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(database), _) => format!("{} ({})", database.message(), database.code().code()),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}

/// The unique index that has such a row already; `None` if it is another error.
fn clash(error: &tokio_postgres::Error) -> Option<&str> {
    let is_clash = error.code() == Some(&SqlState::UNIQUE_VIOLATION);
    error.as_db_error().filter(|_| is_clash)?.constraint()
}

/// The error of the store that an error of the database is.
pub(super) fn failed(error: tokio_postgres::Error) -> StoreError {
    match error.code() {
        Some(&SqlState::LOCK_NOT_AVAILABLE) => StoreError::Busy(Busy::Locked),
        _ => StoreError::Failed(described(&error)),
    }
}
