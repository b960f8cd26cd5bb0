//! Commands: what an admin asks of a device, and what becomes of it.

mod expiry;
mod requests;
mod revocation;

pub use expiry::Expiry;
pub use requests::{CommandAnswer, Commands, Request, Reset};
pub(crate) use revocation::Revocation;
