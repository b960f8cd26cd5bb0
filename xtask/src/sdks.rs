//! Packs the SDKs, and installs the packages with their examples into fresh folders: `target/sdks`, for the tests.

use super::{
    examples,
    files::{copy, is_unchanged, remove},
    run, tools,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The files of the package for Node, and of that for Python, each with its example.
const NODE: [&str; 4] = ["lib", "package.json", "README.md", "example"];
const PYTHON: [&str; 4] = ["src", "pyproject.toml", "README.md", "example"];

/// The name of the package for Node once it is packed.
const PACKED: &str = "mdm-password-host-0.1.0.tgz";

/// Packs both, unless they are packed as they are now.
pub(crate) fn build() -> anyhow::Result<()> {
    examples::install_programs();
    node()?;
    python()
}

fn node() -> anyhow::Result<()> {
    let sdk = Path::new("sdk/node");
    if !sdk.join("node_modules").exists() {
        npm_install(sdk)?;
    }
    let folder = tools::target().join("sdks/node");
    let Some(package) = fresh(sdk, &NODE, &folder)? else {
        return Ok(());
    };
    println!("packing the SDK for Node");
    let example = folder.join("example");
    copy(&sdk.join("example"), &example)?;
    run(Command::new("npm")
        .args(["pack", "--silent", "--pack-destination"])
        .arg(&example)
        .current_dir(&package))?;
    let manifest = example.join("package.json");
    let text = fs::read_to_string(&manifest)?;
    let from_file = text.replace("\"0.1.0\"", &format!("\"file:{PACKED}\""));
    fs::write(&manifest, from_file)?;
    npm_install(&example)?;
    packed(&package, &folder)
}

fn npm_install(folder: &Path) -> anyhow::Result<()> {
    let arguments = ["install", "--no-audit", "--no-fund"];
    run(Command::new("npm").args(arguments).current_dir(folder))
}

fn python() -> anyhow::Result<()> {
    let sdk = Path::new("sdk/python");
    let folder = tools::target().join("sdks/python");
    let Some(package) = fresh(sdk, &PYTHON, &folder)? else {
        return Ok(());
    };
    println!("packing the SDK for Python");
    copy(&sdk.join("example"), &folder.join("example"))?;
    let venv = ["-m", "venv", ".venv"];
    run(Command::new("python3").args(venv).current_dir(&folder))?;
    let pip = folder.join(".venv/bin/pip");
    run(Command::new(&pip).args(["install", "--quiet", "build", "mypy"]))?;
    let wheels = folder.join("wheels");
    run(Command::new(folder.join(".venv/bin/python"))
        .args(["-m", "build", "--outdir"])
        .arg(&wheels)
        .arg(&package)
        .stdout(Stdio::null()))?;
    for file in fs::read_dir(&wheels)? {
        let file = file?.path();
        if file.extension().is_some_and(|it| it == "whl") {
            run(Command::new(&pip).args(["install", "--quiet"]).arg(file))?;
        }
    }
    packed(&package, &folder)
}

/// Copies the files of a package into `next`, and returns it; `None` if they are packed already. The folder is empty
/// besides.
fn fresh(sdk: &Path, files: &[&str], folder: &Path) -> anyhow::Result<Option<PathBuf>> {
    let next = folder.join("next");
    let copy_all = || {
        remove(&next)?;
        files
            .iter()
            .try_for_each(|name| copy(&sdk.join(name), &next.join(name)))
    };
    copy_all()?;
    if is_unchanged(&next, &folder.join("packed"))? {
        return Ok(None);
    }
    remove(folder)?;
    copy_all()?;
    Ok(Some(next))
}

/// Notes that the files of the package are packed and installed.
fn packed(next: &Path, folder: &Path) -> anyhow::Result<()> {
    Ok(fs::rename(next, folder.join("packed"))?)
}
