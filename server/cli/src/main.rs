//! The `mdm-server` program: the host itself, and the command line over its API.

use clap::Parser as _;
use mdm_agent_protocol::escape::Escaped;
use mdm_server::Cli;
use std::{
    alloc::System,
    io::{Write as _, stderr},
    process::ExitCode,
};
use zeroizing_alloc::ZeroAlloc;

/// Wipes whatever is freed, by whichever library: it may have held a password.
#[global_allocator]
static MEMORY: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let error = format!("{error:#}");
            // Nobody may read this any more.
            let _ = writeln!(stderr(), "mdm-server: {}", Escaped(&error));
            ExitCode::FAILURE
        }
    }
}
