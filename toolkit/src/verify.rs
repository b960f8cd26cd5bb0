//! `mdm-plugin verify`.

use crate::{component, trusted_keys};
use anyhow::Context as _;
use clap::Args;
use mdm_password_host::{inspect, read_signature};
use mdm_terminal::out;
use std::path::PathBuf;

#[derive(Args)]
pub(crate) struct Verify {
    /// The component. Its signature is FILE.minisig.
    file: PathBuf,
    /// A public key of minisign that you trust, or its file. Can be given more than once.
    #[arg(long = "key", value_name = "KEY", required = true)]
    keys: Vec<String>,
}

impl Verify {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let bytes = component::read(&self.file)?;
        let signature = read_signature(&self.file)?;
        let checked = trusted_keys::trust(&self.keys)?.check(&bytes, signature.as_deref());
        checked.with_context(|| format!("{} is not verified", self.file.display()))?;
        let digest = inspect(&bytes)?.digest;
        out::text(format!(
            "{} is signed, with a key that you trust\ndigest  sha256:{digest}\n",
            self.file.display()
        ))?;
        Ok(())
    }
}
