//! Files of plugins.

use anyhow::{Context as _, bail};
use mdm_server_core::store::PluginFile;
use std::path::Path;

/// The plugin in a file, with the signature beside it, if there is one: `FILE.minisig`.
pub(crate) fn read_signed(file: &Path) -> anyhow::Result<PluginFile> {
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
