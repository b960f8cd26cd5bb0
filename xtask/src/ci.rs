//! The steps of CI, each with its time.

use crate::{attest, cargo, dependencies, fuzz, reproduce, run, test};
use std::{
    process::Command,
    time::{Duration, Instant},
};

/// A name and a task.
type Step = (&'static str, fn() -> anyhow::Result<()>);

const STEPS: [Step; 9] = [
    ("format", || cargo(&["fmt", "--all", "--check"])),
    ("clippy", clippy),
    ("documentation", documentation),
    ("dependencies", dependencies::check),
    ("packages", packages),
    ("reproduce", reproduce::run),
    ("attest", attest_unless_changed),
    // Before the tests, whose build replaces this program: the fuzzer compiles by way of it.
    // With a seed, so that CI finds the same each time.
    ("fuzz", || fuzz::fuzz(&["--seed", "1"])),
    ("tests", || test(&[])),
];

/// Runs every step up to the first that fails.
pub(crate) fn run_steps() -> anyhow::Result<()> {
    mdm_toolchain::ensure()?;
    let mut times = Vec::new();
    let result = STEPS.iter().try_for_each(|(name, step)| {
        let start = Instant::now();
        let result = step();
        times.push((name, start.elapsed()));
        result
    });
    for (name, time) in &times {
        println!("{name:>14} {}", minutes(*time));
    }
    let total = times.iter().map(|(_, time)| *time).sum();
    println!("{:>14} {}", "total", minutes(total));
    result
}

fn clippy() -> anyhow::Result<()> {
    let selection = ["clippy", "--locked", "-j2", "--workspace", "--all-targets"];
    cargo(&[&selection[..], &["--", "-D", "warnings"]].concat())
}

fn documentation() -> anyhow::Result<()> {
    let mut doc = Command::new("cargo");
    doc.env("RUSTDOCFLAGS", "-D warnings");
    run(doc.args(["doc", "--locked", "-j2", "--workspace", "--no-deps"]))
}

/// Packages the libraries for platforms and authors, so that each can be published: its dependencies have versions, and
/// its files are in the package.
fn packages() -> anyhow::Result<()> {
    let options = ["--locked", "--allow-dirty", "--no-verify"];
    let libraries = [
        ["-p", "mdm-contract"],
        ["-p", "mdm-password-host"],
        ["-p", "mdm-conformance"],
        ["-p", "mdm-agent-protocol"],
    ];
    cargo(&[&["package"][..], &options, libraries.as_flattened()].concat())
}

fn attest_unless_changed() -> anyhow::Result<()> {
    if attest::is_clean()? {
        return attest::run();
    }
    println!("there are changes that are not committed: nothing is attested");
    Ok(())
}

fn minutes(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{:>3} min {:02} s", seconds / 60, seconds % 60)
}
