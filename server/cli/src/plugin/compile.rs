//! `mdm-server plugin compile`.

use super::size;
use crate::{folder::Folder, out};
use anyhow::Context as _;
use clap::Args;
use std::{fs, path::PathBuf, time::Instant};

#[derive(Args)]
pub(crate) struct Compile {
    /// The component.
    file: PathBuf,
    /// The data folder of the host that is to load it: no other host will.
    #[arg(long, default_value = "mdm-data")]
    data: PathBuf,
    /// Where to write what it is compiled to. By default beside the component, as `.compiled`.
    #[arg(long)]
    output: Option<PathBuf>,
}

impl Compile {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let bytes = super::read(&self.file)?;
        let folder = Folder::open(&self.data)?;
        let key = folder.host_key()?;
        // The host's first start takes this key.
        key.prepare()?;
        let artifacts = folder.artifacts(&key.keys()?)?;
        // What is compiled depends on the limits, so they must be those of a host that serves.
        let runtime = mdm_password_host::Runtime::new(mdm_password_host::Limits::default())?;
        let begun = Instant::now();
        let compiled = runtime
            .compile_ahead(&bytes, &artifacts)
            .with_context(|| format!("{} is no plugin", self.file.display()))?;
        let took = begun.elapsed();
        let output = self
            .output
            .unwrap_or_else(|| self.file.with_extension("compiled"));
        fs::write(&output, &compiled)
            .with_context(|| format!("{} can't be written", output.display()))?;
        out::line(format_args!(
            "{}: {}, compiled in {:.1} ms, for the host of {} only",
            output.display(),
            size(compiled.len()),
            took.as_secs_f64() * 1000.0,
            self.data.display()
        ))?;
        Ok(())
    }
}
