//! Builds the hostile plugin, for the tests to load.

#[path = "../xtask/src/toolchain.rs"]
mod toolchain;

use std::{env, error::Error, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    for input in [
        "hostile",
        "../wit",
        "../Cargo.lock",
        "../xtask/src/toolchain.rs",
    ] {
        println!("cargo::rerun-if-changed={input}");
    }
    toolchain::embed(
        "mdm-hostile",
        Path::new(".."),
        Path::new(&env::var("OUT_DIR")?),
    )?;
    Ok(())
}
