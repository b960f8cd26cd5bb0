//! `mdm-plugin compile`.

use crate::component::{self, size};
use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use mdm_password_host::{Artifacts, Limits, Runtime};
use mdm_terminal::out;
use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    time::Instant,
};
use zeroize::Zeroizing;

#[derive(Args)]
pub(crate) struct Compile {
    /// The component.
    file: PathBuf,
    /// The data folder of the server that is to load it: no other server will.
    #[arg(long, value_name = "FOLDER", default_value = "mdm-data")]
    data: PathBuf,
    /// The output file. By default beside the component, as `.compiled`.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Compile {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let bytes = component::read(&self.file)?;
        let key = artifact_key(&self.data)?;
        let artifacts = Artifacts::open(&self.data.join("compiled"), key)
            .context("the folder of compiled plugins can't be made")?;
        // Machine code depends on the limits: these are the limits of a server.
        let runtime = Runtime::new(Limits::default())?;
        let begun = Instant::now();
        let compiled = runtime
            .compile_ahead(&bytes, &artifacts)
            .map_err(|error| component::refused(&self.file, &error))?;
        let took = begun.elapsed();
        let output = self
            .output
            .unwrap_or_else(|| self.file.with_extension("compiled"));
        fs::write(&output, &compiled)
            .with_context(|| format!("{} can't be written", output.display()))?;
        out::line(format_args!(
            "{}: {}, compiled in {:.1} ms, for the server of {} only",
            output.display(),
            size(compiled.len()),
            took.as_secs_f64() * 1000.0,
            self.data.display()
        ))?;
        Ok(())
    }
}

/// The key with which the server of this data folder authenticates compiled plugins.
fn artifact_key(data: &Path) -> anyhow::Result<[u8; 32]> {
    let path = data.join("host.key");
    let secret = match fs::read(&path).map(Zeroizing::new) {
        Ok(secret) => secret,
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "{} is not there: a server makes it at its first start. Start the server once, or name its data folder \
             with --data",
            path.display()
        ),
        Err(error) => bail!("{} can't be read: {error}", path.display()),
    };
    match secret.as_slice().try_into() {
        Ok(secret) => Ok(Artifacts::key_of(secret)),
        Err(_) => Err(anyhow!(
            "{} is damaged: put it back from a backup",
            path.display()
        )),
    }
}
