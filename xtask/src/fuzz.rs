//! Runs the fuzzer. `fuzz/` has the targets, with a corpus for each.

use crate::{run, tools};
use anyhow::{Context as _, ensure};
use std::{env, ffi::OsString, fs, path::Path, process::Command};

/// The fuzz targets.
const TARGETS: [&str; 7] = [
    "agent_json",
    "api_json",
    "artifact",
    "component",
    "guest",
    "message",
    "signature",
];

/// The default number of runs of each target: some seconds.
const DEFAULT_RUNS: &str = "20000";

/// libFuzzer takes a seed of the clock's for this one.
const RANDOM_SEED: &str = "0";

/// The longest that one input may take, in seconds.
const INPUT_TIMEOUT: u32 = 10;

/// Runs one target or all for a number of runs: first with the stored corpus, then with mutations.
pub(crate) fn fuzz(arguments: &[&str]) -> anyhow::Result<()> {
    let (mut targets, mut runs, mut seed) = (TARGETS.to_vec(), DEFAULT_RUNS, RANDOM_SEED);
    for option in arguments.chunks(2) {
        match option {
            ["--target", target] => targets = vec![*target],
            ["--runs", number] => runs = *number,
            ["--seed", number] => seed = *number,
            _ => anyhow::bail!("fuzz [--target NAME] [--runs NUMBER] [--seed NUMBER]"),
        }
    }
    let runs: u64 = runs
        .parse()
        .with_context(|| format!("`{runs}` is no number of runs"))?;
    for target in &targets {
        ensure!(
            TARGETS.contains(target),
            "there is no target `{target}`: there are {}",
            TARGETS.join(", ")
        );
    }
    build()?;
    for target in targets {
        println!("fuzzing {target}: {runs} runs");
        // Each run begins with the findings of the one before.
        let grown = tools::target().join("fuzz/corpus").join(target);
        fs::create_dir_all(&grown)?;
        let crashes = Path::new("fuzz/artifacts").join(target);
        fs::create_dir_all(&crashes)?;
        let stored = Path::new("fuzz/corpus").join(target);
        run(Command::new(tools::target().join("debug").join(target))
            .arg(format!("-artifact_prefix={}/", crashes.display()))
            .arg(format!("-runs={runs}"))
            .arg(format!("-timeout={INPUT_TIMEOUT}"))
            .arg(format!("-seed={seed}"))
            .arg("-print_final_stats=1")
            .args([grown, stored]))?;
    }
    Ok(())
}

/// Builds the targets. Their dependencies are those of the tests, so that nothing is built twice: only the project's
/// own crates are compiled by way of this program, which instruments them.
fn build() -> anyhow::Result<()> {
    let targets = TARGETS.iter().flat_map(|target| ["--bin", target]);
    run(Command::new("cargo")
        .args(["build", "--locked", "-j2", "--workspace"])
        .args(["--features", "mdm-fuzz/fuzz"])
        .args(targets)
        .env("RUSTC_WORKSPACE_WRAPPER", env::current_exe()?)
        .env(AS_COMPILER, "1"))
}

/// Set where this program is called in place of the compiler.
pub(crate) const AS_COMPILER: &str = "MDM_FUZZ_COMPILER";

/// The project's crates that run in a target. Its build scripts and their library stay as they are.
const INSTRUMENTED: [&str; 7] = [
    "mdm_agent_protocol",
    "mdm_contract",
    "mdm_fuzz",
    "mdm_password_component",
    "mdm_password_host",
    "mdm_server_core",
    "mdm_server_http",
];

/// Flags for the coverage that libFuzzer follows: edges and comparisons. Optimised, with the checks of a debug build.
const INSTRUMENTS: [&str; 9] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Copt-level=1",
    "-Ccodegen-units=1",
    "-Cdebug-assertions=on",
    "-Coverflow-checks=on",
];

/// Compiles a crate, with the instruments if it runs in a target.
pub(crate) fn compile(arguments: impl Iterator<Item = OsString>) -> anyhow::Result<()> {
    let arguments: Vec<OsString> = arguments.collect();
    let (compiler, arguments) = arguments.split_first().context("no compiler is named")?;
    let mut names = arguments.windows(2).filter(|it| it[0] == "--crate-name");
    let is_instrumented = names.any(|it| {
        let name = it[1].to_string_lossy();
        TARGETS.contains(&name.as_ref()) || INSTRUMENTED.contains(&name.as_ref())
    });
    let instruments = INSTRUMENTS.iter().filter(|_| is_instrumented);
    // Not by `run`, which hides variables that macros read while they are compiled.
    let status = Command::new(compiler)
        .args(arguments)
        .args(instruments)
        .status()?;
    ensure!(status.success(), "the compiler failed ({status})");
    Ok(())
}
