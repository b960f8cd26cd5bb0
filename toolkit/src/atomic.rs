//! Files that are written whole, or not at all.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

/// Writes a file atomically: on an error, the old content stays.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(format!(".{}.part", std::process::id()));
    let part = PathBuf::from(part);
    let write = || {
        let mut file = fs::File::create_new(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&part, path)
    };
    write().inspect_err(|_| {
        // The first error is the relevant one.
        let _ = fs::remove_file(&part);
    })
}
