//! The registry that the tests pull plugins from: Debian's, unpacked and not installed, so that no service of it
//! runs on a developer's machine.

use crate::{run, tools};
use anyhow::Context as _;
use std::{fs, process::Command};

const PACKAGE: &str = "docker-registry";

/// Puts the program into `target/tools`, if neither that nor the system has it.
pub(crate) fn ensure() -> anyhow::Result<()> {
    let root = tools::root();
    let is_there = |program: &str| Command::new(program).arg("--version").output().is_ok();
    let unpacked = root.join("usr/bin").join(PACKAGE);
    if is_there(&unpacked.to_string_lossy()) || is_there(PACKAGE) {
        return Ok(());
    }
    println!("setting up: {PACKAGE}");
    fs::create_dir_all(&root)?;
    // A machine whose lists are new enough needs no update, and one without the network can't have it.
    let _ = Command::new("apt-get").arg("update").status();
    run(Command::new("apt-get")
        .args(["download", PACKAGE])
        .current_dir(&root))?;
    let package = fs::read_dir(&root)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.starts_with(PACKAGE) && name.ends_with(".deb"))
        })
        .with_context(|| format!("{PACKAGE} was not downloaded"))?;
    run(Command::new("dpkg").arg("-x").args([&package, &root]))?;
    Ok(fs::remove_file(package)?)
}
