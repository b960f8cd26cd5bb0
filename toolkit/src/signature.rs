//! Signatures of plugins: detached minisign signatures, in a file beside the plugin.

use anyhow::{Context as _, bail};
use mdm_password_host::Trust;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The file of the signature of a plugin: `FILE.minisig`.
pub(crate) fn beside(plugin: &Path) -> PathBuf {
    let mut beside = plugin.as_os_str().to_owned();
    beside.push(".minisig");
    beside.into()
}

/// The signature beside a plugin, if there is one.
pub(crate) fn read(plugin: &Path) -> anyhow::Result<Option<String>> {
    let file = beside(plugin);
    match fs::read_to_string(&file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{} can't be read", file.display())),
    }
}

/// The trust in plugins that are signed with one of these keys: each a public key, or the file of one. Without keys,
/// every plugin is trusted.
pub(crate) fn trust(keys: &[String]) -> anyhow::Result<Trust> {
    let mut trust = Trust::default();
    for key in keys {
        let text = match fs::read_to_string(key) {
            Ok(file) => match file.lines().nth(1) {
                Some(line) => line.to_owned(),
                None => bail!("{key} is no file of a public key: minisign's have two lines"),
            },
            Err(_) => key.clone(),
        };
        trust.add_key(&text)?;
    }
    Ok(trust)
}
