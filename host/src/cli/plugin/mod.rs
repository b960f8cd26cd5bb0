//! `mdm-host plugin`: what a plugin's author and the admin who chooses one need. `check`, `inspect`,
//! `bench`, `new` and `compile` work on files; the rest asks a running host.

mod check;

use crate::plugin::{Limits, Runtime};
use anyhow::Context as _;
use clap::Subcommand;
use std::path::Path;

#[derive(Subcommand)]
pub(super) enum Plugin {
    /// Check a plugin against the contract: its cases, and random sequences of calls.
    Check(check::Check),
}

impl Plugin {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Check(check) => check.run(),
        }
    }
}

/// The component in a file.
fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("{} can't be read", file.display()))
}

/// An engine for one plugin at a time, with the limits that a host has.
fn runtime() -> anyhow::Result<Runtime> {
    Ok(Runtime::new(Limits {
        instances: 4,
        ..Limits::default()
    })?)
}
