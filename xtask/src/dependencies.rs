//! Checks the dependencies with cargo-deny: advisories, bans, licenses and sources.

use crate::{run, tools};
use anyhow::{Context as _, ensure};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

const VERSION: &str = "0.20.2";

/// Names a snapshot of the RustSec advisory database, for machines that can't fetch the database.
const SNAPSHOT: &str = "MDM_ADVISORY_DB";

/// `db-path` in deny.toml.
const DATABASES: &str = "target/advisory-db";

/// The folder in `DATABASES` where this version of cargo-deny keeps <https://github.com/rustsec/advisory-db>.
const DATABASE: &str = "advisory-db-3157b0e258782691";

/// Installs cargo-deny, unless it is there. It runs once for each check, so it is built fast and runs slowly.
pub(crate) fn ensure_deny() -> anyhow::Result<()> {
    tools::install("cargo-deny", VERSION, &["--debug", "--no-default-features"])
}

/// Errors if a dependency has a known advisory or is not allowed by deny.toml.
pub(crate) fn check() -> anyhow::Result<()> {
    ensure_deny()?;
    // A database that an earlier check left may be of another source.
    let _ = fs::remove_dir_all(DATABASES);
    let snapshot = env::var_os(SNAPSHOT).map(PathBuf::from);
    if let Some(snapshot) = &snapshot {
        import(snapshot)?;
    }
    // The metadata of the workspace needs the sources of its crates.
    run(Command::new("cargo").args(["fetch", "--locked", "--quiet"]))?;
    deny(&["bans", "licenses", "sources"], true)?;
    deny(&["advisories"], snapshot.is_some()).with_context(|| {
        format!(
            "the advisories. Where the advisory database can't be fetched, set {SNAPSHOT} to the folder of a snapshot"
        )
    })
}

fn deny(checks: &[&str], is_offline: bool) -> anyhow::Result<()> {
    let mut deny = Command::new(tools::programs().join("cargo-deny"));
    deny.args(["--locked", "--config", "deny.toml"]);
    if is_offline {
        deny.arg("--offline");
    }
    run(deny.args(["check", "--hide-inclusion-graph"]).args(checks))
}

/// Makes the snapshot the database that cargo-deny reads, dated by its newest advisory, and prints its age.
fn import(snapshot: &Path) -> anyhow::Result<()> {
    let database = Path::new(DATABASES).join(DATABASE);
    let mut newest = String::new();
    copy(
        &snapshot.join("crates"),
        &database.join("crates"),
        &mut newest,
    )
    .with_context(|| format!("{SNAPSHOT}={}", snapshot.display()))?;
    ensure!(
        !newest.is_empty(),
        "{SNAPSHOT}={}: there are no advisories in it",
        snapshot.display()
    );
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.arg("-C").arg(&database).args(arguments);
        git.env("GIT_COMMITTER_DATE", format!("{newest}T00:00:00Z"));
        run(&mut git)
    };
    git(&["init", "--quiet"])?;
    git(&["add", "--all"])?;
    let author = [
        "-c",
        "user.name=snapshot",
        "-c",
        "user.email=snapshot@localhost",
    ];
    git(&[&author[..], &["commit", "--quiet", "--message", "snapshot"]].concat())?;
    git(&[
        "--no-pager",
        "show",
        "--no-patch",
        "--format=advisory database: a snapshot of %cs, %cr",
    ])
}

/// Copies the advisories, and keeps the date of the newest one.
fn copy(from: &Path, to: &Path, newest: &mut String) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to, newest)?;
            continue;
        }
        let text = fs::read_to_string(entry.path())?;
        let date = text.lines().find_map(|line| {
            let date = line.strip_prefix("date = \"")?;
            date.strip_suffix('"')
        });
        if let Some(date) = date.filter(|date| *date > newest.as_str()) {
            date.clone_into(newest);
        }
        fs::write(to, text)?;
    }
    Ok(())
}
