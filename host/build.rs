//! Builds the reference plugin, for the host to embed.

#[path = "../xtask/src/toolchain.rs"]
mod toolchain;

use std::{env, error::Error, fs, path::Path};

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
    println!("cargo::rerun-if-env-changed=MDM_TOOLCHAIN");
    let out = env::var("OUT_DIR")?;
    let out = Path::new(&out);
    let project = Path::new("..").canonicalize()?;
    // <target>/<profile>/build/<package>/out: all profiles share one build of the component.
    let target = out
        .ancestors()
        .nth(4)
        .ok_or("cargo's folders are not as expected")?;
    let component = toolchain::build_component(&project, target)?;
    fs::copy(component, out.join("reference.wasm"))?;
    Ok(())
}
