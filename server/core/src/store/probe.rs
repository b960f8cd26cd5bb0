//! Checks that a store works now.

use super::StoreError;
use async_trait::async_trait;

/// A store that can be asked how it is.
#[async_trait]
pub trait Probe: Send + Sync + 'static {
    /// Errors if the tables are not those that this version makes.
    async fn check_schema(&self) -> Result<(), StoreError>;

    /// Checks the tables, reads, and writes an unused row durably, which also detects a read-only database.
    async fn probe(&self) -> Result<(), StoreError>;
}
