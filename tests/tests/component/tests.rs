// What both stores have to pass.

mod agent_keys;
mod bulks;
mod calls;
mod changed_forms;
mod double_clicks;
mod filters;
mod test_host;
mod forms;
mod group_commit;
mod idempotency;
mod invariants;
mod opening;
mod permissions;
mod plugins;
mod replays;
mod revoked;
mod rules;
mod store;
mod supervised;
mod swap;
mod texts;
mod users;
mod webhooks;
mod withdrawn;
