//! The `mdm-server` program: the host itself, and the command line over its API.

use clap::Parser as _;
use mdm_server::Cli;
use mdm_terminal::out;
use std::{alloc::System, process::ExitCode};
use zeroizing_alloc::ZeroAlloc;

/// Zeroizes freed memory, of all libraries: it may have held a password.
#[global_allocator]
static MEMORY: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    out::exit_code("mdm-server", Cli::parse().run())
}
