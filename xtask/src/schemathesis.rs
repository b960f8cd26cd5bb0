//! Schemathesis, which calls a host as its API's document says and checks every answer against it: a Python package,
//! in an environment of its own.

use crate::{run, tools};
use std::process::Command;

const PACKAGE: &str = "schemathesis==4.32.5";

/// Installs it, unless it is there.
pub(crate) fn install() -> anyhow::Result<()> {
    let folder = tools::root().join("schemathesis");
    let pip = folder.join("bin/pip");
    if !pip.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    }
    run(Command::new(pip).args(["install", "--quiet", PACKAGE]))
}
