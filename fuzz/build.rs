//! Builds the plugin that returns arbitrary bytes.

use std::{env, error::Error, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    for input in ["guest", "../wit", "../Cargo.lock"] {
        println!("cargo::rerun-if-changed={input}");
    }
    let out = env::var("OUT_DIR")?;
    mdm_toolchain::embed("mdm-fuzz-guest", Path::new(".."), Path::new(&out))?;
    Ok(())
}
