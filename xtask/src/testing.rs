//! Runs every test and counts them.

use anyhow::{Context as _, ensure};
use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

#[derive(Default)]
struct Count {
    passed: u32,
    failed: u32,
    skipped: u32,
}

/// Runs the tests of the workspace, and prints at the end how many passed and failed.
pub(crate) fn run(arguments: &[&str]) -> anyhow::Result<()> {
    let mut cargo = Command::new("cargo")
        .args(["test", "--locked", "-j2", "--workspace", "--no-fail-fast"])
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .context("cargo can't be run")?;
    let mut count = Count::default();
    for line in BufReader::new(cargo.stdout.take().context("cargo prints nothing")?).lines() {
        let line = line?;
        println!("{line}");
        count.add(&line);
    }
    let status = cargo.wait()?;
    let skipped = match count.skipped {
        0 => String::new(),
        skipped => format!(", {skipped} skipped"),
    };
    println!(
        "\n{} passed, {} failed{skipped}",
        count.passed, count.failed
    );
    ensure!(status.success() && count.failed == 0, "the tests failed");
    ensure!(count.passed > 0, "there was no test to run");
    Ok(())
}

impl Count {
    /// Adds a line such as `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
    fn add(&mut self, line: &str) {
        let Some((_, result)) = line.split_once("test result: ") else {
            return;
        };
        for part in result.split(['.', ';']) {
            let Some((number, what)) = part.trim().split_once(' ') else {
                continue;
            };
            let Ok(number) = number.parse::<u32>() else {
                continue;
            };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.skipped += number,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Count;

    #[test]
    fn the_results_of_all_test_programs_are_added_up() {
        let mut count = Count::default();
        count.add("running 3 tests");
        count.add("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out");
        count.add("test result: FAILED. 2 passed; 4 failed; 0 ignored; 0 measured; 0 filtered out");
        assert_eq!((count.passed, count.failed, count.skipped), (5, 4, 1));
    }
}
