//! `mdm-server plugin`: what a plugin's author and the admin who chooses one need. `check`, `inspect`,
//! `bench`, `new` and `compile` work on files; `pull` asks a registry, and the rest a running host.

mod bench;
mod check;
mod compile;
mod inspect;
mod new;
mod pull;
mod shadow;
mod swap;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use mdm_password_host::{Limits, Runtime};
use mdm_server_core::store::PluginFile;
use std::path::Path;

#[derive(Subcommand)]
pub(super) enum Plugin {
    /// Make a project for a plugin of your own.
    New(new::New),
    /// Check a plugin against the contract: its cases, and random sequences of calls.
    Check(check::Check),
    /// Show what a plugin is made of and what it wants.
    Inspect(inspect::Inspect),
    /// Measure what a plugin costs, beside the reference plugin.
    Bench(bench::Bench),
    /// Compile a plugin ahead of time, for one host.
    Compile(compile::Compile),
    /// Pull a plugin from an OCI registry into a file.
    Pull(pull::Pull),
    /// Show which plugin decides on a running host.
    Show(swap::Show),
    /// Let another plugin decide on a running host, from the next call on.
    Use(swap::Use),
    /// Let the plugin decide again that did before.
    RollBack(swap::RollBack),
    /// Run a plugin in the shadow of the active one, without effect, and show where they differ.
    Shadow(shadow::Shadow),
}

impl Plugin {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::New(new) => new.run(),
            Self::Check(check) => check.run(),
            Self::Inspect(inspect) => inspect.run(),
            Self::Bench(bench) => bench.run(),
            Self::Compile(compile) => compile.run(),
            Self::Pull(pull) => pull.run().await,
            Self::Show(show) => show.run().await,
            Self::Use(swap) => swap.run().await,
            Self::RollBack(roll_back) => roll_back.run().await,
            Self::Shadow(shadow) => shadow.run().await,
        }
    }
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("{} can't be read", file.display()))
}

/// The plugin in a file, with the signature beside it, if there is one: `FILE.minisig`.
pub(super) fn read_signed(file: &Path) -> anyhow::Result<PluginFile> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(".minisig");
    let signature = match std::fs::read_to_string(&beside) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => bail!("the signature {} can't be read: {error}", beside.display()),
    };
    Ok(PluginFile {
        bytes: read(file)?,
        signature,
    })
}

/// An engine for a few instances at a time, with the limits of a call that a host has.
fn runtime(instances: u32) -> anyhow::Result<Runtime> {
    Ok(Runtime::new(Limits {
        instances,
        ..Limits::default()
    })?)
}

/// A size for people.
fn size(bytes: usize) -> String {
    let kibibytes = bytes as f64 / 1024.0;
    if kibibytes < 1024.0 {
        format!("{kibibytes:.1} KiB")
    } else {
        format!("{:.1} MiB", kibibytes / 1024.0)
    }
}
