//! The tests that both stores pass.

mod agent_keys;
mod bulks;
pub(crate) mod calls;
mod changed_forms;
mod double_clicks;
mod filters;
pub(crate) mod forms;
mod group_commit;
mod idempotency;
mod invariants;
mod opening;
mod permissions;
pub(crate) mod plugins;
mod replays;
mod revoked;
mod rules;
mod settings;
mod store;
mod supervised;
mod swap;
pub(crate) mod test_host;
mod texts;
mod users;
mod webhooks;
mod withdrawn;
