//! The bill of materials of the reference plugin (CycloneDX 1.6), and the provenance of its build (an in-toto
//! statement with SLSA's predicate, v1). Neither has a time or a folder in it: every build of a commit gives the same
//! three files.

mod bill;
mod closure;
mod command;
mod provenance;

use crate::reproduce;
use anyhow::ensure;
use closure::Closure;
use command::git;
use provenance::Source;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// Builds the component from a clean checkout, and writes its attestations beside it.
pub(crate) fn run() -> anyhow::Result<()> {
    ensure!(
        is_clean()?,
        "there are changes that are not committed, and a provenance names a commit: commit them first"
    );
    let folder = PathBuf::from("target/attest");
    fs::create_dir_all(&folder)?;
    let component = folder.join("plugin.wasm");
    reproduce::build(&env::current_dir()?, &component)?;
    let digest = sha256(&fs::read(&component)?);
    let closure = Closure::of("mdm-password-plugin")?;
    let source = Source {
        uri: git(&["config", "remote.origin.url"]).unwrap_or_else(|_| "urn:mdm-password".into()),
        commit: git(&["rev-parse", "HEAD"])?,
    };
    let bill = write(&component, "cdx.json", &bill::of(&closure, &digest))?;
    let statement = provenance::of(
        &closure,
        &source,
        &digest,
        &sha256(&fs::read("Cargo.lock")?),
    )?;
    let statement = write(&component, "intoto.json", &statement)?;
    println!(
        "{}\n  sha256:{digest}\n  bill of materials: {} ({} crates)\n  provenance: {}, of commit {}",
        component.display(),
        bill.display(),
        closure.crates.len() - 1,
        statement.display(),
        source.commit,
    );
    Ok(())
}

/// Returns `true` if the checkout has no uncommitted changes.
pub(crate) fn is_clean() -> anyhow::Result<bool> {
    Ok(git(&["status", "--porcelain"])?.is_empty())
}

fn write(component: &Path, extension: &str, document: &Value) -> anyhow::Result<PathBuf> {
    let mut path = component.as_os_str().to_owned();
    path.push(format!(".{extension}"));
    let path = PathBuf::from(path);
    fs::write(&path, format!("{document:#}\n"))?;
    Ok(path)
}

fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
