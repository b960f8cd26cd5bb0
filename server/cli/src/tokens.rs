//! The tokens and the first admin's link, which a server shows at its start: on a terminal, or in a requested file.
//! Other kinds of standard output, such as a journal or a container's log, are kept and read by others.

use super::{files::private_file, store::StoreOptions};
use anyhow::{Context as _, ensure};
use clap::Args;
use mdm_contract::time;
use mdm_server_core::{
    access::{Caller, DeviceScope, Permission},
    audit::AuditEntry,
    identity::FirstAdmin,
    identity::Identity,
    store::{ApiToken, RequestRecord, Store, TokenChange},
    token::{self, TokenDigest},
};
use mdm_terminal::out;
use std::{
    fs::{self, File, Permissions},
    io::{IsTerminal as _, Write as _, stdout},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// The least that a token has, in bytes: those that a host makes have more.
const MIN_TOKEN_LENGTH: usize = 16;

/// The name of the token of the first start.
const NAME: &str = "admin";

/// Makes the admin's token at the first start, and shows it this once. It is shown before it counts: a power cut in
/// between costs nothing, and the next start shows another. Without a terminal and a file, no token is made.
pub(super) async fn hand_out_admin_token(
    store: &dyn Store,
    file: Option<&Path>,
) -> anyhow::Result<()> {
    if !store.users().await?.is_empty() || !store.api_tokens().await?.is_empty() {
        return Ok(());
    }
    if file.is_none() && !stdout().is_terminal() {
        // A server starts even if standard output has no reader.
        let _ = out::line(format_args!(
            "no admin's token was made: standard output is no terminal, and may be kept. Start with \
             --admin-token-file FILE, or run `mdm-server new-admin-token` on this machine"
        ));
        return Ok(());
    }
    let token = shown(file)?;
    let (about, audit) = (admin_token(), record("add-token"));
    let added = store.add_api_token(token::digest(&token), about, audit);
    ensure!(
        added.await? == TokenChange::Done,
        "there is a token `{NAME}` already"
    );
    Ok(())
}

/// Makes and shows the link with which the first admin chooses a password, while no user can sign in: in the requested
/// file, or on a terminal. Operators with the admin's token in a file create users by it instead.
pub(super) async fn invite_first_admin(
    identity: &Identity,
    listening_on: &str,
    file: Option<&Path>,
    has_token_file: bool,
) -> anyhow::Result<()> {
    if file.is_none() && (has_token_file || !stdout().is_terminal()) {
        return Ok(());
    }
    match identity.first_admin_status().await? {
        FirstAdmin::SignsIn => return Ok(()),
        FirstAdmin::InvitedUntil(until) => {
            return Ok(out::line(format_args!(
                "the link with which the first admin chooses a password was made before, and is valid until {}: if it \
                 is lost, start the host again after that, or run `mdm-server new-admin-token` on this machine",
                time::rfc3339(until).unwrap_or_default()
            ))?);
        }
        FirstAdmin::Missing => {}
    }
    // The file is opened before the link becomes valid.
    let file = file.map(|path| Ok::<_, anyhow::Error>((path, secret_file(path)?)));
    let file = file.transpose()?;
    let Some(invitation) = identity.first_admin().await? else {
        return Ok(());
    };
    let url = invitation
        .url()
        .unwrap_or_else(|| format!("{listening_on}{}", invitation.path()));
    match file {
        Some((path, file)) => {
            write(file, &url)?;
            out::line(format_args!(
                "the link with which the first admin chooses a password is in {}, and valid for an hour",
                path.display()
            ))?;
        }
        None => out::line(format_args!(
            "the first admin chooses a password here, once, within an hour: {url}"
        ))?,
    }
    Ok(())
}

/// A token that may do everything.
fn admin_token() -> ApiToken {
    ApiToken {
        name: NAME.to_owned(),
        permissions: Permission::ALL.into(),
        scope: DeviceScope::ALL,
        owner: None,
        created_at: time::now(),
        expires_at: None,
    }
}

/// The record of a change of the admin's token.
fn record(action: &str) -> RequestRecord {
    let entry = AuditEntry {
        detail: Some(NAME.to_owned()),
        ..AuditEntry::new(time::now(), &Caller::host(), action)
    };
    entry.into()
}

/// A new admin's token, shown this once.
fn shown(file: Option<&Path>) -> anyhow::Result<Zeroizing<String>> {
    let token = token::new_token("admin")?;
    match file {
        Some(path) => {
            write(secret_file(path)?, &token)?;
            out::line(format_args!("the admin's token is in {}", path.display()))?;
        }
        None => out::line(format_args!(
            "the admin's token, shown only now (put it into MDM_TOKEN): {}",
            token.as_str()
        ))?,
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
        let digest = token::digest(&token);
        let (removed, added) = (record("remove-token"), record("add-token"));
        store
            .replace_api_token(digest, admin_token(), removed, added)
            .await?;
        Ok(())
    }
}

/// The token that reads the metrics. It is made if the file isn't there.
pub(super) fn metrics_token(path: &Path) -> anyhow::Result<TokenDigest> {
    if !path.exists() {
        write(secret_file(path)?, &token::new_token("metrics")?)?;
    }
    let text = fs::read_to_string(path)
        .map(Zeroizing::new)
        .with_context(|| format!("the metrics' token in {} can't be read", path.display()))?;
    let token = text.trim();
    ensure!(
        token.len() >= MIN_TOKEN_LENGTH,
        "the metrics' token in {} can be guessed: remove the file, and the host makes one",
        path.display()
    );
    Ok(token::digest(token))
}

/// Opens a file for a secret, readable by its owner only, also if it existed before.
fn secret_file(path: &Path) -> anyhow::Result<File> {
    let file = private_file(path)?;
    file.set_permissions(Permissions::from_mode(0o600))
        .with_context(|| format!("the mode of {} can't be set", path.display()))?;
    Ok(file)
}

/// Overwrites the file with a secret.
fn write(mut file: File, secret: &str) -> anyhow::Result<()> {
    file.set_len(0)?;
    writeln!(file, "{secret}")?;
    Ok(file.sync_all()?)
}
