//! Makes up thousands of calls from the document of the API. `cargo xtask schemathesis` runs it.

use clap::Parser;
use mdm_tests::schemathesis;

#[derive(Parser)]
#[command(name = "schemathesis")]
struct Options {
    /// The most cases of each operation in each phase: 260 make ten thousand in sum.
    #[arg(long, default_value_t = 260)]
    cases: u32,
    /// The seed of the cases.
    #[arg(long, default_value_t = 1)]
    seed: u32,
}

fn main() -> anyhow::Result<()> {
    let Options { cases, seed } = Options::parse();
    println!("{}", schemathesis::run(cases, seed)?);
    Ok(())
}
