//! The demo: a host, three agents, and the story of a reset. Exits with 0 only if every step of the story happened as
//! it is printed.

use mdm_tests::{story, test_environment::TestEnvironment};
use std::{io::stdout, process::ExitCode};

fn main() -> ExitCode {
    println!("A host, three agents, and the story of a reset\n");
    let told =
        TestEnvironment::start().and_then(|env| story::tell(env, &mut stdout(), &mut |_| Ok(())));
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}
