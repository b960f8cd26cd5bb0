//! Commands whose output is wanted.

use anyhow::{Context as _, ensure};
use std::process::Command;

/// Returns the output of git.
pub(super) fn git(arguments: &[&str]) -> anyhow::Result<String> {
    output(Command::new("git").args(arguments))
}

/// Returns the output of a command. Errors if it fails.
pub(super) fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command
        .output()
        .with_context(|| format!("{command:?} can't be run"))?;
    ensure!(output.status.success(), "{command:?} failed");
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
