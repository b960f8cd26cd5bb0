//! The tokens that a host hands out when it starts.

use super::{folder::private_file, store::StoreOptions};
use crate::{
    access::{Caller, Permission, Reach},
    audit::AuditEntry,
    store::{ApiToken, Store},
    token::{self, TokenDigest},
};
use anyhow::{Context as _, ensure};
use clap::Args;
use mdm_wire::time;
use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// The least that a token has, in bytes: those that a host makes have more.
const SHORTEST: usize = 16;

/// What the token of the first start is called.
const NAME: &str = "admin";

/// Makes the admin's token at the first start, and shows it this once. It is shown before it
/// counts: a power cut in between costs nothing, and the next start shows another.
pub(super) async fn hand_out_admin_token(
    store: &dyn Store,
    file: Option<&Path>,
) -> anyhow::Result<()> {
    if !store.users().await?.is_empty() || !store.api_tokens().await?.is_empty() {
        return Ok(());
    }
    let token = shown(file)?;
    add(store, &token).await
}

/// Lets a token do everything.
async fn add(store: &dyn Store, token: &str) -> anyhow::Result<()> {
    let about = ApiToken {
        name: NAME.to_owned(),
        permissions: Permission::ALL.into(),
        reach: Reach::ALL,
        made_by: Caller::host().name,
        created_at: time::now(),
        expires_at: None,
    };
    let audit = AuditEntry {
        detail: Some(NAME.to_owned()),
        ..AuditEntry::new(about.created_at, &Caller::host(), "add-token")
    };
    let added = store
        .add_api_token(token::digest(token), about, audit)
        .await?;
    ensure!(added, "there is a token `{NAME}` already");
    Ok(())
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
    #[command(flatten)]
    kept: StoreOptions,
    /// Write the token into this file instead of showing it.
    #[arg(long)]
    admin_token_file: Option<PathBuf>,
}

impl NewAdminToken {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let store = self.kept.open_used().await?;
        let token = shown(self.admin_token_file.as_deref())?;
        let lost = AuditEntry {
            detail: Some(NAME.to_owned()),
            ..AuditEntry::new(time::now(), &Caller::host(), "remove-token")
        };
        store.remove_api_token(NAME, lost).await?;
        add(store.as_ref(), &token).await
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
