//! Builds the probe for the component model.

use std::{
    env,
    error::Error,
    path::{Path, PathBuf},
};

fn main() -> Result<(), Box<dyn Error>> {
    for input in [
        "../src",
        "../Cargo.toml",
        "../../../wit",
        "../../../Cargo.lock",
    ] {
        println!("cargo::rerun-if-changed={input}");
    }
    let out = PathBuf::from(env::var("OUT_DIR")?);
    mdm_toolchain::embed("mdm-host-probe", Path::new("../../.."), &out)?;
    Ok(())
}
