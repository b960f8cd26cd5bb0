//! Libraries in C that change the view of a process on its machine, by `LD_PRELOAD`.

use crate::test_environment::text;
use anyhow::ensure;
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// Compiles one of `tests/preload/` into this folder.
pub fn compile(name: &str, folder: &Path) -> anyhow::Result<PathBuf> {
    let library = folder.join(format!("{name}.so"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("preload/{name}.c"));
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(&library);
    let output = compiler.arg(source).output()?;
    ensure!(output.status.success(), "{}", text(&output));
    Ok(library)
}
