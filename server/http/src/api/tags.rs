//! The tags of the API's document: its operations, grouped by subject.

pub(super) const DEVICES: &str = "devices";
pub(super) const PASSWORDS: &str = "passwords";
pub(super) const USERS: &str = "users and tokens";
pub(super) const PLUGINS: &str = "plugins";
pub(super) const WEBHOOKS: &str = "webhooks";
pub(super) const HOST: &str = "host";
