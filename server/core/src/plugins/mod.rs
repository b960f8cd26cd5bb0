//! Plugins: choice, check and rollout.

mod admin;
mod chosen_plugins;
mod follower;
mod options;
mod plugin_check;
mod settings_change;

pub use admin::Plugins;
pub use chosen_plugins::ChosenPlugins;
pub(crate) use follower::PluginFollower;
pub use options::PluginOptions;
