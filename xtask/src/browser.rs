//! Installs the tools for tests of the dashboard: Chromium with its driver, and axe-core.

use crate::{run, tools};
use std::{path::Path, process::Command};

/// Each program, and Debian's package that has it.
const PROGRAMS: [(&str, &str); 2] = [
    ("chromium", "chromium"),
    ("chromedriver", "chromium-driver"),
];

/// Installs the browser, unless it is there.
pub(crate) fn ensure() {
    let missing = PROGRAMS
        .iter()
        .filter(|(program, _)| !tools::is_there(program));
    let packages: Vec<&str> = missing.map(|(_, package)| *package).collect();
    if !packages.is_empty() {
        tools::install_packages(&packages);
    }
}

/// Installs the scripts that tests run in pages. npm is among the tools of the examples.
pub(crate) fn ensure_axe() -> anyhow::Result<()> {
    let folder = Path::new("tests/browser-tools");
    if folder.join("node_modules").exists() {
        return Ok(());
    }
    let arguments = ["install", "--no-audit", "--no-fund"];
    run(Command::new("npm").args(arguments).current_dir(folder))
}
