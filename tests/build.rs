//! Builds the plugins that the tests load.

use std::{env, error::Error, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    for input in [
        "next",
        "wrong",
        "../examples/rust",
        "../plugin/src",
        "../plugin/Cargo.toml",
        "../wit",
        "../Cargo.lock",
    ] {
        println!("cargo::rerun-if-changed={input}");
    }
    for package in ["mdm-wrong", "mdm-next", "corporate-plugin"] {
        mdm_toolchain::embed(package, Path::new(".."), Path::new(&env::var("OUT_DIR")?))?;
    }
    Ok(())
}
