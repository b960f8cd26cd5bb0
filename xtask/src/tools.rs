//! The tools that come as crates and that this project installs for itself, beside what it builds.

use crate::run;
use std::{env, fs, path::PathBuf, process::Command};

/// Where everything is built.
pub(crate) fn target() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    std::path::absolute(&target).unwrap_or(target)
}

/// Where the tools' programs lie.
pub(crate) fn programs() -> PathBuf {
    root().join("bin")
}

/// Where they lie.
pub(crate) fn root() -> PathBuf {
    target().join("tools")
}

/// Installs a tool in this version, unless it is there.
pub(crate) fn install(name: &str, version: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let is_installed = fs::read_to_string(root().join(".crates.toml"))
        .is_ok_and(|list| list.contains(&format!("\"{name} {version} ")));
    if is_installed {
        return Ok(());
    }
    println!("installing {name} {version} (some minutes, once)");
    run(Command::new("cargo")
        .args(["install", "--quiet", "-j2", "--locked"])
        .args(arguments)
        .arg("--root")
        .arg(root())
        .arg(format!("{name}@{version}")))
}
