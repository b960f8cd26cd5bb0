//! Checks that the build of the reference plugin is reproducible: builds the tracked files in two folders, with the
//! crates in two others, and compares the components byte for byte.

use crate::run as run_command;
use anyhow::{Context as _, ensure};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Builds the plugin twice, and fails if the two differ.
pub(crate) fn run() -> anyhow::Result<()> {
    let project = env::current_dir()?;
    let scratch = env::temp_dir().join(format!("mdm-reproduce-{}", std::process::id()));
    let compared = compare(&project, &scratch);
    fs::remove_dir_all(&scratch)?;
    let size = compared?;
    println!("the reference plugin is the same from two folders, all {size} bytes of it");
    Ok(())
}

fn compare(project: &Path, scratch: &Path) -> anyhow::Result<usize> {
    let copies = [scratch.join("one"), scratch.join("two/with a longer name")];
    let mut components = Vec::new();
    for copy in &copies {
        copy_tracked_files(project, copy)?;
        let home = copy.with_extension("home");
        fs::create_dir_all(&home)?;
        std::os::unix::fs::symlink(
            mdm_toolchain::cargo_home().join("registry"),
            home.join("registry"),
        )?;
        let component = copy.join("component.wasm");
        // In a process of its own, because the home of cargo is the process's.
        run_command(
            Command::new(env::current_exe()?)
                .args([
                    "component".as_ref(),
                    copy.as_os_str(),
                    component.as_os_str(),
                ])
                .env("CARGO_HOME", home),
        )?;
        components.push(fs::read(component)?);
    }
    ensure!(
        components[0] == components[1],
        "the reference plugin differs from folder to folder: {} and {} bytes",
        components[0].len(),
        components[1].len()
    );
    Ok(components[0].len())
}

/// Builds the reference plugin of a project into a file.
pub(crate) fn build(project: &Path, component: &Path) -> anyhow::Result<()> {
    let built =
        mdm_toolchain::build_component("mdm-password-plugin", project, &project.join("target"))?;
    fs::copy(&built, component).with_context(|| built.display().to_string())?;
    Ok(())
}

/// The current files of the project, without build output.
fn copy_tracked_files(project: &Path, copy: &Path) -> anyhow::Result<()> {
    let list = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(project)
        .output()
        .context("git can't be run")?;
    ensure!(list.status.success(), "git lists no files");
    for name in String::from_utf8(list.stdout)?.split_terminator('\0') {
        let (from, to) = (project.join(name), copy.join(name));
        let folder = to.parent().map(PathBuf::from).unwrap_or_default();
        fs::create_dir_all(folder)?;
        match fs::read_link(&from) {
            Ok(target) => std::os::unix::fs::symlink(target, &to)?,
            Err(_) if from.exists() => drop(fs::copy(&from, &to)?),
            // It is deleted, and not committed yet.
            Err(_) => {}
        }
    }
    Ok(())
}
