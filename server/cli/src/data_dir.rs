//! The folder of a host's data: the database, the host's own key, compiled plugins, and a lock.

use super::{
    files::private_file,
    host_key::{self, HostKey},
};
use anyhow::{Context as _, bail};
use mdm_password_host::Artifacts;
use mdm_server_core::keys::HostKeys;
use std::{
    fs::{self, File, TryLockError},
    io::{Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    process,
};

/// The folder of a host's data. Only its owner can read it.
pub(super) struct DataDir(PathBuf);

/// Exclusive use of a folder. The operating system ends it with the process, however that ends.
pub(super) struct DataDirLock {
    _file: File,
}

impl DataDir {
    /// Opens the folder, which is made if it isn't there.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .with_context(|| format!("the folder {} can't be made", path.display()))?;
        Ok(Self(path.to_owned()))
    }

    /// Locks the folder for this process. Errors at once if another process has locked it. Commands that read a store,
    /// or write to it beside its server, take no lock.
    pub(super) fn lock(&self) -> anyhow::Result<DataDirLock> {
        let path = self.0.join("host.lock");
        let mut file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("the file {} can't be written", path.display()))?;
        match file.try_lock() {
            Ok(()) => {
                // The process id is for error messages of others; a full disk must not prevent the lock.
                let _ = file
                    .set_len(0)
                    .and_then(|()| writeln!(file, "{}", process::id()));
                Ok(DataDirLock { _file: file })
            }
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                let holder = match holder.trim().parse::<u32>() {
                    Ok(process) => format!("process {process}"),
                    Err(_) => "another process".to_owned(),
                };
                bail!(
                    "the folder {} is in use by {holder}: stop that mdm-server first, or name another folder with --data",
                    self.0.display()
                )
            }
            Err(TryLockError::Error(error)) => Err(error)
                .with_context(|| format!("the folder {} can't be locked", self.0.display())),
        }
    }

    /// The path of the database file, which may not exist yet.
    pub(super) fn database_path(&self) -> PathBuf {
        self.0.join("mdm.db")
    }

    /// The file of the database, which is made if it isn't there.
    pub(super) fn database(&self) -> anyhow::Result<PathBuf> {
        let path = self.database_path();
        private_file(&path)?;
        Ok(path)
    }

    /// The file with the progress of the store. It reveals a restore, because it is outside of the store.
    pub(super) fn history_path(&self) -> PathBuf {
        self.0.join("history.json")
    }

    /// The compiled plugins, with the key that vouches for them.
    pub(super) fn artifacts(&self, keys: &HostKeys) -> anyhow::Result<Artifacts> {
        Artifacts::open(&self.0.join("compiled"), keys.artifact_key())
            .context("the folder of compiled plugins can't be made")
    }

    /// The path of the host key, which may not exist yet.
    pub(super) fn host_key_path(&self) -> PathBuf {
        host_key::path_in(&self.0)
    }

    /// The host's own key.
    pub(super) fn host_key(&self) -> anyhow::Result<HostKey> {
        HostKey::open(&self.0)
    }
}
