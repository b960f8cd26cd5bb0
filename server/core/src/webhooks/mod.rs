//! Webhooks: management and deliveries.

mod admin;
mod deliveries;

pub use admin::{MadeWebhook, NewWebhook, Webhooks};
pub use deliveries::Deliveries;
