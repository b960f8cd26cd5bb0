//! Runs the fuzzer on what strangers send: `fuzz/` has the targets and a corpus for each.

use crate::{run, tools};
use anyhow::{Context as _, ensure};
use std::{env, ffi::OsString, fs, path::Path, process::Command};

/// What is fuzzed.
const TARGETS: [&str; 7] = [
    "agent_json",
    "api_json",
    "artifact",
    "component",
    "guest",
    "message",
    "signature",
];

/// How often each target is run unless told otherwise: some seconds.
const DEFAULT_RUNS: &str = "20000";

/// The fuzzer's tool, as a crate.
const TOOL: &str = "cargo-fuzz";
const VERSION: &str = "0.13.2";

/// The longest that one input may take, in seconds.
const INPUT_TIMEOUT: u32 = 10;

/// Runs a target, or each of them, so often: first with the stored corpus, then with what comes of it.
pub(crate) fn fuzz(arguments: &[&str]) -> anyhow::Result<()> {
    let (mut targets, mut runs) = (TARGETS.to_vec(), DEFAULT_RUNS);
    for option in arguments.chunks(2) {
        match option {
            ["--target", target] => targets = vec![*target],
            ["--runs", number] => runs = *number,
            _ => anyhow::bail!("fuzz [--target NAME] [--runs NUMBER]"),
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
    tools::install(TOOL, VERSION, &[])?;
    for target in targets {
        println!("fuzzing {target}: {runs} runs");
        // What is found in one run is where the next begins.
        let grown = tools::target().join("fuzz/corpus").join(target);
        fs::create_dir_all(&grown)?;
        let stored = Path::new("fuzz/corpus").join(target);
        run(Command::new(tools::programs().join(TOOL))
            // Only sanitizers need a nightly Rust, and what they find is what unsafe code does.
            .args(["fuzz", "run", "--sanitizer", "none", "--target-dir"])
            .arg(tools::target().join("fuzz"))
            .arg(target)
            .args([grown, stored])
            .args(["--", "-print_final_stats=1"])
            .arg(format!("-runs={runs}"))
            .arg(format!("-timeout={INPUT_TIMEOUT}"))
            .env("CARGO_BUILD_JOBS", "2")
            .env("RUSTC_WRAPPER", env::current_exe()?)
            .env(AS_COMPILER, "1")
            .env_remove("CARGO_TARGET_DIR"))?;
    }
    Ok(())
}

/// Set where this program is called in place of the compiler.
pub(crate) const AS_COMPILER: &str = "MDM_FUZZ_COMPILER";

/// The crates whose way through the fuzzer follows, by how their names begin: ours, and those that read what
/// strangers send. Cryptography and compilers would take most of the time, and lead nowhere.
const FOLLOWED: [&str; 8] = [
    "mdm_",
    "serde_json",
    "wasmparser",
    "sfv",
    "jiff",
    "minisign_verify",
    "httparse",
    "base64",
];

/// Compiles a crate, and leaves the fuzzer's instruments out of those that it needn't follow.
pub(crate) fn compile(arguments: impl Iterator<Item = OsString>) -> anyhow::Result<()> {
    let arguments: Vec<OsString> = arguments.collect();
    let (compiler, arguments) = arguments.split_first().context("no compiler is named")?;
    let names = arguments.windows(2).filter(|it| it[0] == "--crate-name");
    let is_followed = names.map(|it| it[1].to_string_lossy()).any(|name| {
        TARGETS.contains(&name.as_ref()) || FOLLOWED.iter().any(|it| name.starts_with(it))
    });
    let is_instrument = |argument: &&OsString| {
        let argument = argument.to_string_lossy();
        argument.contains("sancov") || argument.contains("sanitizer-coverage")
    };
    let kept = arguments
        .iter()
        .filter(|it| is_followed || !is_instrument(it));
    run(Command::new(compiler).args(kept))
}
