//! Builds the plugins that the tests load.

#[path = "../xtask/src/toolchain.rs"]
mod toolchain;

use std::{env, error::Error, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    for input in [
        "hostile",
        "next",
        "wrong",
        "../examples/rust",
        "../plugin/src",
        "../plugin/Cargo.toml",
        "../wit",
        "../Cargo.lock",
        "../xtask/src/toolchain.rs",
    ] {
        println!("cargo::rerun-if-changed={input}");
    }
    for package in ["mdm-hostile", "mdm-wrong", "mdm-next", "corporate-plugin"] {
        toolchain::embed(package, Path::new(".."), Path::new(&env::var("OUT_DIR")?))?;
    }
    Ok(())
}
