//! Plugins: choice, check and rollout.

mod admin;
mod chosen_plugins;
mod follower;
mod plugin_check;
mod settings_change;

pub use admin::Plugins;
pub use chosen_plugins::{ChosenPlugins, PluginSettings};
pub(crate) use follower::PluginFollower;
