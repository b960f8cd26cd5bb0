//! Commands: requests of admins for devices, until their outcome.

mod expiry;
mod requests;
mod revocation;

pub use expiry::Expiry;
pub use requests::{CommandAnswer, CommandTerms, Commands, PreviewQuery, Reset};
pub(crate) use revocation::Revocation;
