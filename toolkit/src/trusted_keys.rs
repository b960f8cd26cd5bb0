//! The public keys of the command line.

use anyhow::bail;
use mdm_password_host::Trust;
use std::fs;

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
