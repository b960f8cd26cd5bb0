//! `mdm-plugin componentize`.

use crate::component::size;
use anyhow::Context as _;
use clap::Args;
use mdm_terminal::out;
use std::{fs, path::PathBuf};
use wit_component::ComponentEncoder;

#[derive(Args)]
pub(crate) struct Componentize {
    /// The core WebAssembly module, linked with the object file of `mdm-plugin bindings`.
    module: PathBuf,
    /// The file to write the component to.
    #[arg(long, value_name = "FILE", default_value = "plugin.wasm")]
    output: PathBuf,
}

impl Componentize {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let module = fs::read(&self.module)
            .with_context(|| format!("{} can't be read", self.module.display()))?;
        let component = ComponentEncoder::default()
            .validate(true)
            .module(&module)
            .and_then(|encoder| encoder.encode())
            .with_context(|| format!("{} can't be made a component", self.module.display()))?;
        fs::write(&self.output, &component)
            .with_context(|| format!("{} can't be written", self.output.display()))?;
        out::line(format_args!(
            "{}: {}",
            self.output.display(),
            size(component.len())
        ))?;
        Ok(())
    }
}
