//! The `mdm-agent` program.

use clap::Parser as _;
use mdm_agent::cli::Cli;
use mdm_terminal::out;
use std::process::ExitCode;

fn main() -> ExitCode {
    out::exit_code("mdm-agent", Cli::parse().run())
}
