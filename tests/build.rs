//! Builds the plugins that are bad on purpose, for the tests to load.

#[path = "../xtask/src/toolchain.rs"]
mod toolchain;

use std::{env, error::Error, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    for input in [
        "hostile",
        "wrong",
        "../plugin/src",
        "../plugin/Cargo.toml",
        "../wit",
        "../Cargo.lock",
        "../xtask/src/toolchain.rs",
    ] {
        println!("cargo::rerun-if-changed={input}");
    }
    for package in ["mdm-hostile", "mdm-wrong"] {
        toolchain::embed(package, Path::new(".."), Path::new(&env::var("OUT_DIR")?))?;
    }
    Ok(())
}
