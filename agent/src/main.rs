//! The `mdm-agent` program.

use clap::Parser as _;
use mdm_agent::cli::Cli;
use mdm_agent_protocol::escape::Escaped;
use std::process::ExitCode;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mdm-agent: {}", Escaped(&format!("{error:#}")));
            ExitCode::FAILURE
        }
    }
}
