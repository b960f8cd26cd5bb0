//! The folder of a host's data: the database, the host's own keys, and compiled plugins.

use crate::{keys::HostKeys, plugin::Artifacts};
use anyhow::{Context as _, bail};
use std::{
    fs,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// The folder of a host's data. Only its owner can read it.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Opens the folder, which is made if it isn't there.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .with_context(|| format!("the folder {} can't be made", path.display()))?;
        Ok(Self(path.to_owned()))
    }

    /// The file of the database.
    pub(super) fn database(&self) -> anyhow::Result<PathBuf> {
        let path = self.0.join("mdm.db");
        private_file(&path)?;
        Ok(path)
    }

    /// The compiled plugins, with the key that vouches for them.
    pub(super) fn artifacts(&self, keys: &HostKeys) -> anyhow::Result<Artifacts> {
        Artifacts::open(&self.0.join("compiled"), keys.artifact_key())
            .context("the folder of compiled plugins can't be made")
    }

    /// The host's own keys, made at the first start.
    pub(super) fn keys(&self) -> anyhow::Result<HostKeys> {
        let path = self.0.join("host.key");
        if !path.exists() {
            let mut key = Zeroizing::new([0u8; 32]);
            getrandom::fill(key.as_mut()).context("the operating system gave no random bytes")?;
            let temporary = self.0.join("host.key.new");
            let mut file = private_file(&temporary)?;
            file.write_all(key.as_ref())?;
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
        }
        let read = fs::read(&path).map(Zeroizing::new);
        let key = read.with_context(|| format!("{} can't be read", path.display()))?;
        let key = <[u8; 32]>::try_from(key.as_slice()).map(Zeroizing::new);
        match key.map(HostKeys::new) {
            Ok(Ok(keys)) => Ok(keys),
            _ => bail!(
                "{} is damaged: put it back from a backup. Agents know the host by it: without it, each device \
                 has to enroll again at a host with a new folder",
                path.display()
            ),
        }
    }
}

/// Opens a file that only its owner can read.
pub(super) fn private_file(path: &Path) -> anyhow::Result<fs::File> {
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("the file {} can't be written", path.display()))
}
