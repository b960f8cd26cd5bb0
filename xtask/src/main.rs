//! The tasks of developers: `cargo xtask demo`, `cargo xtask test` and the rest. Each sets up the toolchain first.

mod attest;
mod browser;
mod ci;
mod debian;
mod dependencies;
mod examples;
mod files;
mod fuzz;
mod reproduce;
mod schemathesis;
mod sdks;
mod testing;
mod tools;

use anyhow::{Context as _, ensure};
use std::{
    env,
    process::{Command, ExitCode},
};

const HELP: &str = "\
cargo xtask <task>

  demo        a host, three agents, and the story of a reset
  examples    the example plugins, built as a newcomer does, each checked against the contract
  sdks        the packages for Node and Python, installed with their examples
  screenshots every page of the dashboard, into docs/screenshots
  test        every test, and their number        (arguments after -- go to cargo test)
  faults      kills, full disks, cut networks under load: faults [--kind NAME] [--rounds 300] [--seed N]
  bench       what all this costs: bench [NAME…], or everything
  load        simulated fleets on real hosts: load [--devices 1k,10k,100k,1M] [--store sqlite,postgres] [--seconds 10]
              [--agents 2k] [--resets 16] [--syncs 8]; the tables go into docs/BENCHMARKS.md
  fuzz        what strangers send, made up: fuzz [--target NAME] [--runs 20000] [--seed N]
  schemathesis  ten thousand calls made up from the API's document: schemathesis [--cases 260] [--seed N]
  reproduce   builds the reference plugin in two folders, and compares the two
  attest      builds the reference plugin, and writes its bill of materials and its provenance
  ci          what CI runs: format, lints, documentation, dependencies, reproduce, attest, fuzz, tests
  dependencies  advisories, bans, licenses and sources of what the lock files name, by cargo-deny
  programs    unpack the programs that the tests start: an OCI registry, an MQTT broker, PostgreSQL;
              `test` does it, too, and unpacks Chromium
  setup       install what building the plugin and checking the dependencies need; the other tasks do it, too";

fn main() -> ExitCode {
    if env::var_os(fuzz::AS_COMPILER).is_some() {
        return match fuzz::compile(env::args_os().skip(1)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
    }
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (task, rest) = match arguments.split_first() {
        Some((task, rest)) => (task.as_str(), rest),
        None => ("help", &[][..]),
    };
    let rest: Vec<&str> = rest
        .iter()
        .map(String::as_str)
        .filter(|it| *it != "--")
        .collect();
    let done = match task {
        "demo" => demo(),
        "examples" => examples(),
        "sdks" => sdks::build(),
        "screenshots" => screenshots(),
        "test" => test(&rest),
        "faults" => faults(&rest),
        "bench" => bench(&rest),
        "load" => load(&rest),
        "fuzz" => fuzz(&rest),
        "schemathesis" => schemathesis(&rest),
        "reproduce" => reproduce(),
        "attest" => attest(),
        // `reproduce` runs this twice.
        "component" => match rest[..] {
            [project, component] => reproduce::build(project.as_ref(), component.as_ref()),
            _ => Err(anyhow::anyhow!("component <project> <file>")),
        },
        "ci" => ci::run_steps(),
        "dependencies" => dependencies::check(),
        "setup" => setup(),
        "programs" => debian::ensure_programs(),
        "help" | "--help" | "-h" => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        other => Err(anyhow::anyhow!("there is no task `{other}`\n\n{HELP}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn setup() -> anyhow::Result<()> {
    let toolchain = mdm_toolchain::ensure()?;
    println!("components are built with {toolchain:?}");
    dependencies::ensure_deny()
}

fn demo() -> anyhow::Result<()> {
    mdm_toolchain::ensure()?;
    build(&["--bins"])?;
    program("debug/demo", &[])
}

fn screenshots() -> anyhow::Result<()> {
    mdm_toolchain::ensure()?;
    browser::ensure();
    build(&["--bins"])?;
    program("debug/screenshots", &[])
}

fn load(arguments: &[&str]) -> anyhow::Result<()> {
    mdm_toolchain::ensure()?;
    debian::ensure_programs()?;
    build(&["--release", "--bins"])?;
    let write = ["--write", "docs/BENCHMARKS.md"];
    program("release/load", &[&write, arguments].concat())
}

fn faults(arguments: &[&str]) -> anyhow::Result<()> {
    mdm_toolchain::ensure()?;
    debian::ensure_programs()?;
    build(&["--bins"])?;
    program("debug/faults", arguments)
}

fn schemathesis(arguments: &[&str]) -> anyhow::Result<()> {
    mdm_toolchain::ensure()?;
    build(&["--bins"])?;
    schemathesis::install()?;
    program("debug/schemathesis", arguments)
}

/// Runs a program of the tests, which is built: with `cargo run` its dependencies would be built once more, for it
/// alone.
fn program(built: &str, arguments: &[&str]) -> anyhow::Result<()> {
    run(Command::new(tools::target().join(built)).args(arguments))
}

fn examples() -> anyhow::Result<()> {
    mdm_toolchain::ensure()?;
    examples::build()
}

fn test(arguments: &[&str]) -> anyhow::Result<()> {
    mdm_toolchain::ensure()?;
    debian::ensure_programs()?;
    browser::ensure();
    // Together, so that both use the same features of what they depend on, and nothing is built twice.
    build(&["--bins", "--tests"])?;
    examples::build()?;
    sdks::build()?;
    tools::ensure_wkg()?;
    browser::ensure_axe()?;
    schemathesis::install()?;
    testing::run(arguments)
}

/// The benches, in their order: `languages` by `mdm-plugin`, `extism` in a workspace of its own.
const BENCHES: [&str; 10] = [
    "languages",
    "swap",
    "security",
    "dashboard",
    "commits",
    "syncs",
    "connected",
    "replicas",
    "reset",
    "extism",
];

fn bench(names: &[&str]) -> anyhow::Result<()> {
    let names = if names.is_empty() { &BENCHES } else { names };
    for name in names {
        ensure!(
            BENCHES.contains(name),
            "there is no bench `{name}`: there are {}",
            BENCHES.join(", ")
        );
    }
    mdm_toolchain::ensure()?;
    // The benches start the programs that a user would start. One of them is built with these, so that all have the
    // same features of their dependencies.
    build(&["--release", "--bins", "--bench", "commits"])?;
    for name in names {
        match *name {
            "languages" => {
                examples::build()?;
                examples::bench()?;
            }
            "swap" => {
                examples::build()?;
                bench_of_the_tests(name)?;
            }
            "extism" => run(Command::new("cargo")
                .args(["run", "--locked", "-j2", "--release", "--quiet"])
                .args(["--manifest-path", "tests/extism/Cargo.toml"])
                .arg("--target-dir")
                .arg(tools::target().join("extism")))?,
            _ => bench_of_the_tests(name)?,
        }
    }
    Ok(())
}

fn bench_of_the_tests(name: &str) -> anyhow::Result<()> {
    cargo(&["bench", "--locked", "-j2", "--workspace", "--bench", name])
}

fn reproduce() -> anyhow::Result<()> {
    mdm_toolchain::ensure()?;
    reproduce::run()
}

fn attest() -> anyhow::Result<()> {
    mdm_toolchain::ensure()?;
    attest::run()
}

fn fuzz(arguments: &[&str]) -> anyhow::Result<()> {
    mdm_toolchain::ensure()?;
    fuzz::fuzz(arguments)
}

/// Builds these parts of the workspace. The tests from end to end start the programs that a user would start.
fn build(parts: &[&str]) -> anyhow::Result<()> {
    println!("building (the first time takes some minutes)");
    cargo(&[&["build", "--locked", "-j2", "--workspace"], parts].concat())
}

fn cargo(arguments: &[&str]) -> anyhow::Result<()> {
    run(Command::new("cargo").args(arguments))
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let words = format!("{command:?}");
    // `cargo run` sets these for this program. Build scripts read them, and would run again after a plain `cargo
    // build`.
    for (name, _) in env::vars_os() {
        let of_this_program = name.to_string_lossy();
        if of_this_program.starts_with("CARGO_PKG_")
            || of_this_program.starts_with("CARGO_MANIFEST_")
        {
            command.env_remove(name);
        }
    }
    let status = command
        .status()
        .with_context(|| format!("{words} can't be run"))?;
    ensure!(status.success(), "{words} failed ({status})");
    Ok(())
}
