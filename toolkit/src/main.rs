//! The `mdm-plugin` program, for plugin authors: it makes, checks, measures and distributes plugins. It works on files
//! and asks registries, and needs no server.

mod atomic;
mod bench;
mod bindings;
mod check;
mod check_host;
mod compile;
mod component;
mod componentize;
mod credentials;
mod inspect;
mod new;
mod pull;
mod push;
mod registry;
mod sign;
mod test;
mod trusted_keys;
mod verify;

use clap::{Parser, Subcommand};
use mdm_terminal::out;
use std::{alloc::System, process::ExitCode};
use zeroizing_alloc::ZeroAlloc;

/// Zeroizes freed memory, of all libraries: it may have held the password of a registry, or the secret of a server.
#[global_allocator]
static MEMORY: ZeroAlloc<System> = ZeroAlloc(System);

/// Makes, checks, measures and distributes plugins of the contract mdm:password.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a project for a plugin of your own.
    New(new::New),
    /// Generate the bindings of the contract for C.
    Bindings(bindings::Bindings),
    /// Make a component of a core WebAssembly module.
    Componentize(componentize::Componentize),
    /// Check a plugin against the contract: its cases, and random sequences of calls.
    Check(check::Check),
    /// Check a host of your own: a probe tries to break each promise that a host makes.
    CheckHost(check_host::CheckHost),
    /// Run your own cases, and the check.
    Test(test::Test),
    /// Show what a plugin is made of and what it wants.
    Inspect(inspect::Inspect),
    /// Measure what a plugin costs, beside the reference plugin.
    Bench(bench::Bench),
    /// Compile a plugin ahead of time, for one server.
    Compile(compile::Compile),
    /// Make a pair of keys for signing plugins, in minisign's form.
    NewKey(sign::NewKey),
    /// Sign a plugin, with a minisign key.
    Sign(sign::Sign),
    /// Verify the signature of a plugin.
    Verify(verify::Verify),
    /// Push a plugin to an OCI registry, with its signature.
    Push(push::Push),
    /// Pull a plugin from an OCI registry into a file, with its signature.
    Pull(pull::Pull),
}

impl Command {
    fn run(self) -> anyhow::Result<()> {
        match self {
            Self::New(new) => new.run(),
            Self::Bindings(bindings) => bindings.run(),
            Self::Componentize(componentize) => componentize.run(),
            Self::Check(check) => check.run(),
            Self::CheckHost(check) => check.run(),
            Self::Test(test) => test.run(),
            Self::Inspect(inspect) => inspect.run(),
            Self::Bench(bench) => bench.run(),
            Self::Compile(compile) => compile.run(),
            Self::NewKey(key) => key.run(),
            Self::Sign(sign) => sign.run(),
            Self::Verify(verify) => verify.run(),
            Self::Push(push) => push.run(),
            Self::Pull(pull) => pull.run(),
        }
    }
}

fn main() -> ExitCode {
    out::exit_code("mdm-plugin", Cli::parse().command.run())
}
