//! `mdm-server plugin`: which plugin decides on a running server. `mdm-plugin` makes and checks plugins.

mod shadow;
mod swap;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use mdm_server_core::store::PluginFile;
use std::path::Path;

#[derive(Subcommand)]
pub(super) enum Plugin {
    /// Show which plugin decides on a running host.
    Show(swap::Show),
    /// Let another plugin decide on a running host, from the next call on.
    Use(swap::Use),
    /// Let the plugin decide again that did before.
    RollBack(swap::RollBack),
    /// Run a plugin in the shadow of the active one, without effect, and show where they differ.
    Shadow(shadow::Shadow),
}

impl Plugin {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Show(show) => show.run().await,
            Self::Use(swap) => swap.run().await,
            Self::RollBack(roll_back) => roll_back.run().await,
            Self::Shadow(shadow) => shadow.run().await,
        }
    }
}

/// The plugin in a file, with the signature beside it, if there is one: `FILE.minisig`.
pub(super) fn read_signed(file: &Path) -> anyhow::Result<PluginFile> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(".minisig");
    let signature = match std::fs::read_to_string(&beside) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => bail!("the signature {} can't be read: {error}", beside.display()),
    };
    let bytes = std::fs::read(file).with_context(|| format!("{} can't be read", file.display()))?;
    Ok(PluginFile { bytes, signature })
}
