//! The parts of a store that are written once for all SQL databases: over an [`Engine`], which runs the statements of
//! one database.
//!
//! A statement is one text where the dialects agree, and a pair of texts where they differ: see [`Dialect::choose`].
//! The hot path (devices, commits, keys of agents, wake-ups) is not shared: each store has its own.

mod accounts;
mod audit_trail;
mod bulks;
mod conditions;
mod engine;
mod enrollment;
pub mod events;
pub mod fleet;
mod idempotency;
mod plugin_choices;
mod records;
mod restores;
mod tokens;
mod value;
mod webhooks;

pub use conditions::Conditions;
pub use engine::{Dialect, Engine, Job, Statement, Tx};
pub use idempotency::DELETE_RESPONSES;
pub use records::COMMAND_COLUMNS;
pub use value::{FromValue, Row, Value};
