//! The error of a read or a job: SQLite's own become the store's.

use mdm_server_core::store::{Busy, StoreError};
use rusqlite::ErrorCode;

/// A [`StoreError`] that `?` makes from an error of SQLite.
#[derive(Debug)]
pub(crate) struct Error(StoreError);

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self(error)
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self(match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy) => StoreError::Busy(Busy::Locked),
            _ => StoreError::Failed(error.to_string()),
        })
    }
}

impl From<Error> for StoreError {
    fn from(Error(error): Error) -> Self {
        error
    }
}
