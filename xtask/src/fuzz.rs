//! Runs the fuzzer on what strangers send: `fuzz/` has the targets and a corpus for each.

use crate::{run, tools};
use anyhow::{Context as _, ensure};
use std::{fs, path::Path, process::Command};

/// What is fuzzed.
const TARGETS: [&str; 4] = ["agent_json", "api_json", "artifact", "component"];

/// How long each target is fuzzed unless told otherwise, in seconds.
const BRIEFLY: &str = "10";

/// The fuzzer's tool, as a crate.
const TOOL: &str = "cargo-fuzz";
const VERSION: &str = "0.13.2";

/// The longest that one input may take, in seconds.
const SLOW: u32 = 10;

/// Fuzzes a target, or each of them, for some seconds: first with the stored corpus, then with what comes of it.
pub(crate) fn fuzz(arguments: &[&str]) -> anyhow::Result<()> {
    let (targets, seconds) = match arguments {
        [] => (TARGETS.to_vec(), BRIEFLY),
        [target] => (vec![*target], BRIEFLY),
        [target, seconds] => (vec![*target], *seconds),
        _ => anyhow::bail!("fuzz [target] [seconds]"),
    };
    let seconds: u32 = seconds
        .parse()
        .with_context(|| format!("`{seconds}` is no number of seconds"))?;
    for target in &targets {
        ensure!(
            TARGETS.contains(target),
            "there is no target `{target}`: there are {}",
            TARGETS.join(", ")
        );
    }
    tools::install(TOOL, VERSION, &[])?;
    for target in targets {
        println!("fuzzing {target} for {seconds} s");
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
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-timeout={SLOW}"))
            .env("CARGO_BUILD_JOBS", "2")
            .env_remove("CARGO_TARGET_DIR"))?;
    }
    Ok(())
}
