//! Makes up thousands of calls from the document of the API. `cargo xtask schemathesis` runs it.

use clap::Parser;
use mdm_tests::schemathesis;

#[derive(Parser)]
#[command(name = "schemathesis")]
struct Options {
    /// How many cases of each operation are made up at most, in each phase: 260 make ten thousand of all.
    #[arg(long, default_value_t = 260)]
    cases: u32,
    /// What the cases follow from.
    #[arg(long, default_value_t = 1)]
    seed: u32,
}

fn main() -> anyhow::Result<()> {
    let Options { cases, seed } = Options::parse();
    println!("{}", schemathesis::run(cases, seed)?);
    Ok(())
}
