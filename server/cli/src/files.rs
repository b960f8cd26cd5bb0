//! Files that only their owner can read, and files that appear whole, durable and under a free name, or not at all.

use anyhow::Context as _;
use std::{
    fs::{self, File},
    io::ErrorKind,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};
use tempfile::{Builder, NamedTempFile};

/// An empty file in the folder of another, which only its owner can read. It is removed unless it is put in place.
pub(super) fn private_temporary_beside(file: &Path) -> anyhow::Result<NamedTempFile> {
    let folder = folder_of(file);
    Builder::new()
        .prefix(".mdm-")
        .tempfile_in(&folder)
        .with_context(|| format!("no file can be made in {}", folder.display()))
}

/// Renames a file once it is durable. Returns `false` if the name exists; that file stays unchanged.
pub(super) fn put_in_place(temporary: NamedTempFile, file: &Path) -> anyhow::Result<bool> {
    let failed = || format!("{} can't be made", file.display());
    // SQLite wrote by its own handle; syncing any handle syncs the file.
    temporary.as_file().sync_all().with_context(failed)?;
    match temporary.persist_noclobber(file) {
        Ok(_) => {}
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(error.error).with_context(failed),
    }
    sync_folder(&folder_of(file))?;
    Ok(true)
}

/// Opens a file that only its owner can read.
pub(super) fn private_file(path: &Path) -> anyhow::Result<File> {
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("the file {} can't be written", path.display()))
}

/// Makes the names of files that were made or renamed in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> anyhow::Result<()> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.with_context(|| format!("the folder {} can't be written", folder.display()))
}

fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}
