//! The choices of plugins by admins, and the files of the chosen plugins.

use super::{RequestRecord, StoreError};
use async_trait::async_trait;

/// The file of a plugin, as uploaded by an admin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginFile {
    /// A component, or an artifact of this server. A store keeps components only.
    pub bytes: Vec<u8>,
    /// The text of its signature, if it has one.
    pub signature: Option<String>,
}

/// The choice of a plugin by an admin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginChoice {
    /// The sequence number of the choice, from 1. Of two choices with the same number, only the first is stored.
    pub number: u64,
    /// The plugin that decides.
    pub active: ChosenPlugin,
    /// The target of a roll back. The same plugin as `active` if there is none.
    pub previous: ChosenPlugin,
}

/// A plugin that an admin chose, with its settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChosenPlugin {
    /// SHA-256 of its component, in hex. `None` is the plugin that the server starts with.
    pub digest: Option<String>,
    /// Its settings: a JSON object. `None` is the plugin's default settings.
    pub settings: Option<String>,
    /// It has passed a canary on this server.
    pub is_promoted: bool,
}

impl ChosenPlugin {
    /// The plugin that the server starts with, with its default settings.
    pub const DEFAULT: Self = Self {
        digest: None,
        settings: None,
        is_promoted: true,
    };
}

/// The choices of plugins by admins.
#[async_trait]
pub trait PluginChoices: Send + Sync + 'static {
    /// The current choice. `None` if nothing was ever chosen.
    async fn plugin_choice(&self) -> Result<Option<PluginChoice>, StoreError>;

    /// Notes what is chosen now, with its line in the audit trail, unless another choice has its number. `new` is the
    /// file of the active plugin, if it is not kept yet; files that are not chosen any more are dropped.
    async fn choose_plugin(
        &self,
        choice: PluginChoice,
        new: Option<PluginFile>,
        audit: RequestRecord,
    ) -> Result<(), StoreError>;

    /// Forgets what was chosen, as a choice of the plugin that the host starts with.
    async fn forget_plugin_choice(&self) -> Result<(), StoreError>;

    /// The file of a chosen plugin.
    async fn plugin_file(&self, digest: &str) -> Result<Option<PluginFile>, StoreError>;
}
