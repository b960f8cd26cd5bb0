//! Faults, for as long as one likes: `cargo xtask faults [--kind KIND] [--seed SEED] [--rounds ROUNDS]`.

use anyhow::Context as _;
use mdm_tests::faults::{Kind, Plan};
use std::{env, process::ExitCode};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("faults: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let (mut kinds, mut seed, mut rounds) = (Kind::ALL.to_vec(), fastrand::u64(..1_000_000), 300);
    let mut arguments = env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments
            .next()
            .with_context(|| format!("{name} wants a value"))?;
        match name.as_str() {
            "--kind" => kinds = vec![value.parse::<Kind>()?],
            "--seed" => seed = value.parse().context("a seed is a number")?,
            "--rounds" => rounds = value.parse().context("rounds are a number")?,
            _ => anyhow::bail!("there is no option {name}: --kind, --seed, --rounds"),
        }
    }
    for kind in kinds {
        Plan { kind, seed, rounds }.run()?;
    }
    Ok(())
}
