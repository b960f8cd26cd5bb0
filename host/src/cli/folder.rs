//! The folder of a host's data: the database, the host's own key, and compiled plugins.

use crate::plugin::Artifacts;
use anyhow::{Context as _, bail};
use std::{
    fs,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

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
    pub(super) fn artifacts(&self) -> anyhow::Result<Artifacts> {
        Artifacts::open(&self.0.join("compiled"), self.key()?)
            .context("the folder of compiled plugins can't be made")
    }

    /// The host's own key, made at the first start: it vouches for what this host has compiled.
    fn key(&self) -> anyhow::Result<[u8; 32]> {
        let path = self.0.join("host.key");
        if !path.exists() {
            let mut key = [0u8; 32];
            getrandom::fill(&mut key).context("the operating system gave no random bytes")?;
            let temporary = self.0.join("host.key.new");
            let mut file = private_file(&temporary)?;
            file.write_all(&key)?;
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
        }
        let key = fs::read(&path).with_context(|| format!("{} can't be read", path.display()))?;
        match key.try_into() {
            Ok(key) => Ok(key),
            Err(_) => bail!(
                "{} is damaged: remove it, and the host makes another (compiled plugins are then \
                 compiled again)",
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
