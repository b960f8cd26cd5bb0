//! Trust in plugins: a host accepts those with a pinned digest, and those signed with a configured key. Without pins
//! and keys, it accepts any plugin that conforms.
//!
//! Signatures are detached minisign signatures. They are verified offline, without an authority or a transparency log,
//! and every system's packages have the tool.

use super::{artifact::component_of, digest::hex, error::LoadError};
use minisign_verify::{PublicKey, Signature};
use sha2::{Digest as _, Sha256};
use std::{
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

/// The pins and keys of a host.
#[derive(Clone, Default)]
pub struct Trust {
    digests: Vec<String>,
    keys: Vec<PublicKey>,
}

/// The errors of pins, keys and files of signatures.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The pin is not a digest.
    #[error("`{0}` is no SHA-256 digest: it has 64 digits 0–9 and a–f, after `sha256:` or not")]
    BadDigest(String),
    /// The text is not a public key.
    #[error("`{0}` is no public key of minisign: give the second line of the .pub file")]
    BadKey(String),
    /// The file of a signature is there, and can't be read.
    #[error("the signature {} can't be read: {error}", file.display())]
    UnreadableSignature {
        /// The file.
        file: PathBuf,
        /// The reason.
        #[source]
        error: io::Error,
    },
}

/// The file of a plugin's signature, beside the plugin: `FILE.minisig`.
pub fn signature_file(plugin: &Path) -> PathBuf {
    let mut beside = plugin.as_os_str().to_owned();
    beside.push(".minisig");
    beside.into()
}

/// Reads the signature beside a plugin. Returns `None` if there is none.
pub fn read_signature(plugin: &Path) -> Result<Option<String>, TrustError> {
    let file = signature_file(plugin);
    match fs::read_to_string(&file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(TrustError::UnreadableSignature { file, error }),
    }
}

impl Trust {
    /// Trusts the plugin of this digest, in hex.
    pub fn pin(&mut self, digest: &str) -> Result<(), TrustError> {
        let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
        let is_digit = |it: char| it.is_ascii_digit() || ('a'..='f').contains(&it);
        if hex.len() != 64 || !hex.chars().all(is_digit) {
            return Err(TrustError::BadDigest(digest.to_owned()));
        }
        self.digests.push(hex.to_owned());
        Ok(())
    }

    /// Trusts plugins that are signed with the secret key of this public key.
    pub fn add_key(&mut self, key: &str) -> Result<(), TrustError> {
        let bad = |_| TrustError::BadKey(key.to_owned());
        self.keys
            .push(PublicKey::from_base64(key.trim()).map_err(bad)?);
        Ok(())
    }

    /// Returns `true` if every plugin that conforms is trusted.
    fn is_open(&self) -> bool {
        self.digests.is_empty() && self.keys.is_empty()
    }

    /// Checks the plugin in this file, with this signature of its component. Errors if it is not trusted.
    pub fn check(&self, file: &[u8], signature: Option<&str>) -> Result<(), LoadError> {
        let component = component_of(file)?;
        let digest = hex(&Sha256::digest(component));
        if self.is_open() || self.digests.contains(&digest) {
            return Ok(());
        }
        let not_trusted = |why: &str| LoadError::NotTrusted {
            digest: digest.clone(),
            why: why.to_owned(),
        };
        let signature = signature.ok_or_else(|| not_trusted("it has no signature"))?;
        let signature = Signature::decode(signature)
            .map_err(|error| not_trusted(&format!("its signature can't be read: {error}")))?;
        let is_signed = |key: &PublicKey| key.verify(component, &signature, false).is_ok();
        match self.keys.iter().any(is_signed) {
            true => Ok(()),
            false => Err(not_trusted(
                "it is signed with no key that this host knows, or was altered",
            )),
        }
    }
}
