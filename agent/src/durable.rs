//! Records that survive a power cut: each lies in a file of its own, which is replaced as a whole, and
//! which several processes may change, one after the other.

use serde::{Serialize, de::DeserializeOwned};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    marker::PhantomData,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// Why a record could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum DurableError {
    /// The file system refused.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{path} is damaged ({source}): put it back from a copy, or start with a new folder")]
    Damaged {
        /// Which file.
        path: String,
        /// The cause.
        source: serde_json::Error,
    },
}

/// Which version of a record's file this is: two that differ are two versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    inode: u64,
    seconds: i64,
    nanoseconds: i64,
}

/// A record in a file.
pub struct Durable<T> {
    path: PathBuf,
    record: PhantomData<T>,
}

impl<T: Serialize + DeserializeOwned> Durable<T> {
    /// The record in this file, whether it is there or not.
    pub fn at(path: PathBuf) -> Self {
        Self {
            path,
            record: PhantomData,
        }
    }

    /// Returns `true` if the file exists.
    pub fn exists(&self) -> bool {
        self.path.exists()
    }

    /// Writes the record for the first time.
    pub fn create(&self, record: &T) -> Result<(), DurableError> {
        self.locked(|| self.write(record))
    }

    /// Reads the record.
    pub fn read(&self) -> Result<T, DurableError> {
        let bytes = fs::read(&self.path).map_err(|source| self.file_error(source))?;
        serde_json::from_slice(&bytes).map_err(|source| DurableError::Damaged {
            path: self.path.display().to_string(),
            source,
        })
    }

    /// Changes the record. Once this returns, the change survives a power cut; before, none of it does.
    pub fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> Result<R, DurableError> {
        self.locked(|| {
            let mut record = self.read()?;
            let result = change(&mut record);
            self.write(&record)?;
            Ok(result)
        })
    }

    /// The version of the file, which each write changes. Returns `None` if there is no file.
    pub fn version(&self) -> Option<Version> {
        let file = fs::metadata(&self.path).ok()?;
        Some(Version {
            inode: file.ino(),
            seconds: file.mtime(),
            nanoseconds: file.mtime_nsec(),
        })
    }

    fn locked<R>(&self, work: impl FnOnce() -> Result<R, DurableError>) -> Result<R, DurableError> {
        let lock = private(&self.path.with_extension("lock"))
            .and_then(|file| file.lock().map(|()| file))
            .map_err(|source| self.file_error(source))?;
        let result = work();
        drop(lock);
        result
    }

    fn write(&self, record: &T) -> Result<(), DurableError> {
        let bytes = serde_json::to_vec_pretty(record).map_err(|source| DurableError::Damaged {
            path: self.path.display().to_string(),
            source,
        })?;
        self.replace(&bytes)
            .map_err(|source| self.file_error(source))
    }

    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        let new = self.path.with_extension("new");
        let mut file = private(&new)?;
        file.set_len(0)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        File::open(self.path.parent().unwrap_or(Path::new(".")))?.sync_all()
    }

    fn file_error(&self, source: io::Error) -> DurableError {
        DurableError::File {
            path: self.path.display().to_string(),
            source,
        }
    }
}

/// Opens a file that only its owner can read.
pub(crate) fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}
