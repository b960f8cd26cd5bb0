//! The file `host.key` in a host's folder: the secret that all keys of the host are derived from.

use super::files::{private_file, sync_folder};
use anyhow::{Context as _, bail};
use mdm_server_core::keys::HostKeys;
use std::{
    fs,
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// The host's secret, and the folder that it lies in, or will.
pub(super) struct HostKey {
    folder: PathBuf,
    secret: Zeroizing<[u8; 32]>,
    lies: Lies,
}

/// The place of a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lies {
    InPlace,
    Prepared,
    InMemory,
}

/// The file of a host's key in its folder.
pub(super) fn path_in(folder: &Path) -> PathBuf {
    folder.join("host.key")
}

impl HostKey {
    /// Reads `host.key`. Where there is none, takes the key that a first start had prepared before it broke off, or
    /// makes one, in memory only: a folder gets its `host.key` when its store is claimed.
    pub(super) fn open(folder: &Path) -> anyhow::Result<Self> {
        let folder = folder.to_owned();
        for (name, lies) in [
            ("host.key", Lies::InPlace),
            ("host.key.new", Lies::Prepared),
        ] {
            if let Some(secret) = read(&folder.join(name))? {
                return Ok(Self {
                    folder,
                    secret,
                    lies,
                });
            }
        }
        let mut secret = Zeroizing::new([0u8; 32]);
        getrandom::fill(secret.as_mut()).context("the operating system gave no random bytes")?;
        Ok(Self {
            folder,
            secret,
            lies: Lies::InMemory,
        })
    }

    /// Reads `host.key` again: an operator may have restored it. A key without a file stays the same.
    pub(super) fn again(&self) -> anyhow::Result<Self> {
        let mut found = Self::open(&self.folder)?;
        if found.lies == Lies::InMemory && self.lies == Lies::InMemory {
            found.secret = self.secret.clone();
        }
        Ok(found)
    }

    /// The path of the key.
    pub(super) fn path(&self) -> PathBuf {
        path_in(&self.folder)
    }

    /// Returns `true` if `host.key` is in its place.
    pub(super) fn is_in_place(&self) -> bool {
        self.lies == Lies::InPlace
    }

    /// The keys that are derived from it.
    pub(super) fn keys(&self) -> anyhow::Result<HostKeys> {
        HostKeys::new(self.secret.clone()).map_err(|_| damaged(&self.path()))
    }

    /// Writes the key beside its place, so that it is on the disk before a store is claimed by it.
    pub(super) fn prepare(&self) -> anyhow::Result<()> {
        if self.lies == Lies::InMemory {
            let mut file = private_file(&self.prepared())?;
            file.set_len(0)?;
            file.write_all(self.secret.as_ref())?;
            file.sync_all()?;
            sync_folder(&self.folder)?;
        }
        Ok(())
    }

    /// Makes it `host.key`: the store is claimed by it.
    pub(super) fn put_in_place(&self) -> anyhow::Result<()> {
        if !self.is_in_place() && !self.path().exists() {
            fs::rename(self.prepared(), self.path())?;
            sync_folder(&self.folder)?;
        }
        Ok(())
    }

    fn prepared(&self) -> PathBuf {
        self.folder.join("host.key.new")
    }
}

fn read(path: &Path) -> anyhow::Result<Option<Zeroizing<[u8; 32]>>> {
    let bytes = match fs::read(path).map(Zeroizing::new) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => bail!("{} can't be read: {error}", path.display()),
    };
    match <[u8; 32]>::try_from(bytes.as_slice()) {
        Ok(secret) => Ok(Some(Zeroizing::new(secret))),
        // A first start broke off while it prepared its key; no store was claimed by it.
        Err(_) if path.ends_with("host.key.new") => Ok(None),
        Err(_) => Err(damaged(path)),
    }
}

fn damaged(path: &Path) -> anyhow::Error {
    anyhow::anyhow!(
        "{} is damaged: put it back from a backup. Agents know the host by it: without it, each device has to enroll \
         again at a host with a new folder",
        path.display()
    )
}
