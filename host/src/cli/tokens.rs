//! The tokens that a host hands out when it starts.

use super::folder::{Folder, private_file};
use crate::{
    store::{SqliteStore, Store},
    token::{self, TokenDigest},
};
use anyhow::{Context as _, ensure};
use clap::Args;
use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// The least that a token has, in bytes: those that a host makes have more.
const SHORTEST: usize = 16;

/// Makes the admin's token if there is none yet, and shows it this once. It is shown before it
/// counts: a power cut in between costs nothing, and the next start shows another.
pub(super) async fn hand_out_admin_token(
    store: &dyn Store,
    file: Option<&Path>,
) -> anyhow::Result<()> {
    if store.has_admin_token().await? {
        return Ok(());
    }
    let token = shown(file)?;
    Ok(store.add_admin_token(token::digest(&token)).await?)
}

/// A new admin's token, shown this once.
fn shown(file: Option<&Path>) -> anyhow::Result<Zeroizing<String>> {
    let token = token::new_token("admin")?;
    match file {
        Some(path) => {
            write(path, &token)?;
            println!("the admin's token is in {}", path.display());
        }
        None => println!(
            "the admin's token, shown only now (put it into MDM_TOKEN): {}",
            token.as_str()
        ),
    }
    Ok(token)
}

#[derive(Args)]
pub(super) struct NewAdminToken {
    /// The folder of the host's data.
    #[arg(long, default_value = "mdm-data")]
    data: PathBuf,
    /// Write the token into this file instead of showing it.
    #[arg(long)]
    admin_token_file: Option<PathBuf>,
}

impl NewAdminToken {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        ensure!(
            self.data.join("mdm.db").exists(),
            "there is no host's data in {}: name its folder with --data",
            self.data.display()
        );
        let store = SqliteStore::open(&Folder::open(&self.data)?.database()?)?;
        let token = shown(self.admin_token_file.as_deref())?;
        Ok(store.replace_admin_tokens(token::digest(&token)).await?)
    }
}

/// The token that reads the metrics. It is made if the file isn't there.
pub(super) fn metrics_token(path: &Path) -> anyhow::Result<TokenDigest> {
    if !path.exists() {
        write(path, &token::new_token("metrics")?)?;
    }
    let text = fs::read_to_string(path)
        .map(Zeroizing::new)
        .with_context(|| format!("the metrics' token in {} can't be read", path.display()))?;
    let token = text.trim();
    ensure!(
        token.len() >= SHORTEST,
        "the metrics' token in {} can be guessed: remove the file, and the host makes one",
        path.display()
    );
    Ok(token::digest(token))
}

fn write(path: &Path, token: &str) -> anyhow::Result<()> {
    let mut file = private_file(path)?;
    file.set_len(0)?;
    writeln!(file, "{token}")?;
    Ok(file.sync_all()?)
}
