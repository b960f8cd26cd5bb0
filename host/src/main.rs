//! The `mdm-host` program: the host itself, and the command line over its API.

use clap::Parser as _;
use mdm_host::cli::Cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mdm-host: {error:#}");
            ExitCode::FAILURE
        }
    }
}
