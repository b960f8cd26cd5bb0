//! Asking PostgreSQL: statements are prepared once for each connection, and those that need no answer of each other
//! travel together.

use crate::store::StoreError;
use deadpool_postgres::ClientWrapper;
use futures_util::future::join_all;
use std::error::Error as _;
use tokio_postgres::{Row, error::SqlState, types::ToSql};

/// What stands for a `$1` of a statement.
pub(super) type Value = Box<dyn ToSql + Sync + Send>;

/// The values of a statement, in their order.
macro_rules! values {
    ($($value:expr),* $(,)?) => {
        vec![$(Box::new($value) as $crate::store::postgres::connection::Value),*]
    };
}
pub(super) use values;

/// A statement that is carried out together with others.
pub(super) struct Step {
    sql: &'static str,
    values: Vec<Value>,
    /// What it means if no row was there for it.
    or: Option<StoreError>,
    /// What it means if there is such a row already.
    or_if_there: Option<StoreError>,
}

impl Step {
    pub(super) fn new(sql: &'static str, values: Vec<Value>) -> Self {
        Self {
            sql,
            values,
            or: None,
            or_if_there: None,
        }
    }

    /// It errs so if there is no row for it.
    pub(super) fn or(self, error: StoreError) -> Self {
        Self {
            or: Some(error),
            ..self
        }
    }

    /// It errs so if there is such a row already.
    pub(super) fn or_if_there(self, error: StoreError) -> Self {
        Self {
            or_if_there: Some(error),
            ..self
        }
    }
}

/// Asking on a connection.
pub(super) trait Ask {
    async fn rows(&self, sql: &str, values: &[&(dyn ToSql + Sync)])
    -> Result<Vec<Row>, StoreError>;

    /// The one row, if there is one.
    async fn row_if_any(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, StoreError>;

    async fn row(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Row, StoreError>;

    /// How many rows were written, or found.
    async fn write(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<u64, StoreError>;

    /// Carries out statements one after the other, without waiting for the answer of one before the next is sent.
    /// It errs as the first of them does.
    async fn together(&self, steps: Vec<Step>) -> Result<Vec<u64>, StoreError>;
}

impl Ask for ClientWrapper {
    async fn rows(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        let statement = self.prepare_cached(sql).await?;
        Ok(self.query(&statement, values).await?)
    }

    async fn row_if_any(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, StoreError> {
        let statement = self.prepare_cached(sql).await?;
        Ok(self.query_opt(&statement, values).await?)
    }

    async fn row(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Row, StoreError> {
        let statement = self.prepare_cached(sql).await?;
        Ok(self.query_one(&statement, values).await?)
    }

    async fn write(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<u64, StoreError> {
        let statement = self.prepare_cached(sql).await?;
        Ok(self.execute(&statement, values).await?)
    }

    async fn together(&self, steps: Vec<Step>) -> Result<Vec<u64>, StoreError> {
        let mut statements = Vec::with_capacity(steps.len());
        for step in &steps {
            statements.push(self.prepare_cached(step.sql).await?);
        }
        // They are sent in the order in which they are asked for the first time, which is this one.
        let sent = steps.iter().zip(&statements).map(|(step, statement)| {
            let values = step
                .values
                .iter()
                .map(|value| &**value as &(dyn ToSql + Sync));
            self.execute_raw(statement, values.collect::<Vec<_>>())
        });
        let answers = join_all(sent).await;
        steps
            .into_iter()
            .zip(answers)
            .map(|(step, answer)| match (answer, step.or, step.or_if_there) {
                (Ok(0), Some(error), _) => Err(error),
                (Ok(rows), ..) => Ok(rows),
                (Err(error), _, Some(clash)) if is_clash(&error) => Err(clash),
                (Err(error), ..) => Err(error.into()),
            })
            .collect()
    }
}

/// What the database says of an error, without the values in question.
pub(super) fn described(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(database), _) => format!("{} ({})", database.message(), database.code().code()),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}

/// Whether a row is there already that only one may be of.
fn is_clash(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::UNIQUE_VIOLATION)
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Failed(described(&error))
    }
}
