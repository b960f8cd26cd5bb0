//! Programs of Debian's packages, where `cargo xtask test` unpacks them, or else as the system has them.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The program at this path in its package, such as `usr/sbin/mosquitto`, ready to be given its arguments.
pub fn program(path: &str) -> anyhow::Result<Command> {
    let here = env::current_exe()?;
    let mut roots = here.ancestors().map(|folder| folder.join("tools"));
    let Some(root) = roots.find(|root| root.join(path).exists()) else {
        return Ok(Command::new(Path::new("/").join(path)));
    };
    let mut command = Command::new(root.join(path));
    command.env("LD_LIBRARY_PATH", env::join_paths(libraries(&root))?);
    Ok(command)
}

/// The folders with libraries of unpacked packages: `usr/lib/x86_64-linux-gnu` and similar.
fn libraries(root: &Path) -> Vec<PathBuf> {
    let folders = ["lib", "usr/lib"].map(|folder| root.join(folder));
    let inside = folders.iter().flat_map(fs::read_dir).flatten().flatten();
    let inside = inside.map(|entry| entry.path());
    inside
        .filter(|path| path.to_string_lossy().ends_with("-linux-gnu"))
        .collect()
}
