//! Folders of files: compared, copied, removed.

use anyhow::Context as _;
use std::{fs, io::ErrorKind, path::Path};

/// Returns `true` if the second folder has every file of the first one unchanged.
pub(crate) fn is_unchanged(one: &Path, other_folder: &Path) -> anyhow::Result<bool> {
    for entry in fs::read_dir(one)? {
        let path = entry?.path();
        let other = other_folder.join(path.file_name().context("a file without a name")?);
        let is_same = match path.is_dir() {
            true => other.is_dir() && is_unchanged(&path, &other)?,
            false => fs::read(&path)? == fs::read(&other).unwrap_or_default(),
        };
        if !is_same {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Copies a file, or a folder with all below it but what Python keeps of a run.
pub(crate) fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    if !from.is_dir() {
        fs::copy(from, to).with_context(|| format!("{} can't be copied", from.display()))?;
        return Ok(());
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let name = entry?.file_name();
        if name != "__pycache__" {
            copy(&from.join(&name), &to.join(&name))?;
        }
    }
    Ok(())
}

/// Removes a folder, if it is there.
pub(crate) fn remove(folder: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} can't be removed", folder.display()))
        }
        _ => Ok(()),
    }
}
