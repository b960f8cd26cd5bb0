//! Builds the plugin for Extism.


use std::{env, error::Error, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    for input in [
        "guest",
        "../../plugin/src",
        "Cargo.lock",
    ] {
        println!("cargo::rerun-if-changed={input}");
    }
    let out = env::var("OUT_DIR")?;
    mdm_toolchain::embed("mdm-extism-guest", Path::new("."), Path::new(&out))?;
    Ok(())
}
