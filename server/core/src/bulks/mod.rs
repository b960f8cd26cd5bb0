//! Bulks: one request for all devices of a group.

mod members;
mod password_export;
mod preview;
mod requesters;
mod requests;
mod runner;

pub use password_export::{PasswordExportLine, PasswordExports};
pub use preview::{BulkPreview, BulkVerdict};
pub use requests::{BulkRequest, Bulks};
pub use runner::BulkRunner;
