//! The tools that this project needs: those that come as crates it installs for itself, beside what it builds; the
//! others are Debian's.

use crate::run;
use anyhow::Context as _;
use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Stdio},
};

/// The target folder.
pub(crate) fn target() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    std::path::absolute(&target).unwrap_or(target)
}

/// The folder of the tools' programs.
pub(crate) fn programs() -> PathBuf {
    root().join("bin")
}

/// Their path.
pub(crate) fn root() -> PathBuf {
    target().join("tools")
}

/// Installs wkg, which publishes the contract, unless it is there.
pub(crate) fn ensure_wkg() -> anyhow::Result<()> {
    install("wkg", "0.16.1", &["--debug"])
}

/// Installs a tool in this version, unless it is there.
pub(crate) fn install(name: &str, version: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let is_installed = fs::read_to_string(root().join(".crates.toml"))
        .is_ok_and(|list| list.contains(&format!("\"{name} {version} ")));
    if is_installed {
        return Ok(());
    }
    println!("installing {name} {version} (some minutes, once)");
    let build = root().join("build");
    run(Command::new("cargo")
        .args(["install", "--quiet", "-j2", "--locked"])
        .args(arguments)
        .arg("--root")
        .arg(root())
        .arg("--target-dir")
        .arg(&build)
        .arg(format!("{name}@{version}")))?;
    fs::remove_dir_all(build).context("the tool's build folder can't be removed")
}

/// Returns `true` if this program can be run.
pub(crate) fn is_there(program: &str) -> bool {
    let mut command = Command::new(program);
    let run = command.arg("--version");
    run.stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok()
}

/// Installs Debian's packages; where that can't be done, what needs them says what is missing.
pub(crate) fn install_packages(packages: &[&str]) {
    eprintln!("setting up: apt-get install {}", packages.join(" "));
    let apt = |arguments: &[&str]| {
        let _ = Command::new("apt-get").args(arguments).status();
    };
    apt(&["update"]);
    let install = ["install", "--yes", "--no-install-recommends"];
    apt(&[&install[..], packages].concat());
}
