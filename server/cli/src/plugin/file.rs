//! Files of plugins.

use anyhow::{Context as _, bail};
use clap::Args;
use mdm_password_host::read_signature;
use mdm_server_core::store::PluginFile;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Maximum length of settings in a header of the request, in bytes: the server reads heads of 8 KiB, and base64 takes a
/// third more.
const MAX_IN_HEADER: usize = 4 << 10;

/// Settings that go with a plugin.
#[derive(Args)]
pub(crate) struct WithSettings {
    /// A file with the settings of the plugin, a JSON object. Without it, the plugin has its default settings.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
}

impl WithSettings {
    /// Reads the file, if one is given.
    pub(crate) fn read(&self) -> anyhow::Result<Option<String>> {
        let settings = self.settings.as_deref().map(read_settings).transpose()?;
        match &settings {
            Some(text) if text.len() > MAX_IN_HEADER => bail!(
                "the settings have {} bytes, and together with a plugin {MAX_IN_HEADER} at most can be sent: \
                 use the plugin first, then `mdm-server plugin settings FILE`",
                text.len()
            ),
            _ => Ok(settings),
        }
    }
}

/// The work of a server on a new plugin, for people who wait for it.
pub(crate) const CHECKING: &str =
    "the server compiles the plugin and checks it against the contract";

/// The text of a file of settings.
pub(crate) fn read_settings(file: &Path) -> anyhow::Result<String> {
    let unreadable = || format!("the settings {} can't be read", file.display());
    fs::read_to_string(file).with_context(unreadable)
}

/// The plugin in a file, with the signature beside it, if there is one: `FILE.minisig`.
pub(crate) fn read_signed(file: &Path) -> anyhow::Result<PluginFile> {
    let signature = read_signature(file)?;
    let bytes = fs::read(file).with_context(|| format!("{} can't be read", file.display()))?;
    Ok(PluginFile { bytes, signature })
}
