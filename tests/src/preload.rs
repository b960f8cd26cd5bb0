//! Compiles C libraries that replace system calls of a process (clock, file system, log), for use with `LD_PRELOAD`.

use crate::test_environment::text;
use anyhow::ensure;
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// Compiles `tests/preload/{name}.c` to a shared library in `folder`. Returns the library's path. Errors with the
/// compiler's output.
pub fn compile(name: &str, folder: &Path) -> anyhow::Result<PathBuf> {
    let library = folder.join(format!("{name}.so"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("preload/{name}.c"));
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(&library);
    let output = compiler.arg(source).output()?;
    ensure!(output.status.success(), "{}", text(&output));
    Ok(library)
}
