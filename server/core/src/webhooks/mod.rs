//! Webhooks: who is told of events, and the deliveries.

mod admin;
mod deliveries;

pub use admin::{MadeWebhook, NewWebhook, Webhooks};
pub use deliveries::Deliveries;
