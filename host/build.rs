//! Builds the reference plugin, for the host to embed.

#[path = "../xtask/src/toolchain.rs"]
mod toolchain;

use std::{env, error::Error, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    for input in [
        "../plugin/src",
        "../plugin/Cargo.toml",
        "../wit",
        "../Cargo.lock",
        "../xtask/src/toolchain.rs",
    ] {
        println!("cargo::rerun-if-changed={input}");
    }
    toolchain::embed(
        "mdm-plugin",
        Path::new(".."),
        Path::new(&env::var("OUT_DIR")?),
    )?;
    Ok(())
}
