//! Builds the plugin for Extism.

#[path = "../../xtask/src/toolchain.rs"]
mod toolchain;

use std::{env, error::Error, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    for input in [
        "guest",
        "../../plugin/src",
        "Cargo.lock",
        "../../xtask/src/toolchain.rs",
    ] {
        println!("cargo::rerun-if-changed={input}");
    }
    let out = env::var("OUT_DIR")?;
    toolchain::embed("mdm-extism-guest", Path::new("."), Path::new(&out))?;
    Ok(())
}
