//! Checks that a folder's host.key and a store belong together. A server that starts with an empty store, or with a new
//! key, in place of those that agents know would lose its devices silently.

use crate::{host_key::HostKey, store::StoreOptions};
use anyhow::{bail, ensure};
use clap::Args;
use mdm_contract::time;
use mdm_server_core::{access::Caller, audit::AuditEntry, store::Store};

#[derive(Args)]
pub(super) struct IdentityOptions {
    /// Allow an empty store with an existing host.key: for a new server whose key was made beforehand.
    #[arg(long)]
    accept_empty_store: bool,
    /// Replace a lost host.key. Every device must enroll again. Two-step sign-in is switched off: users sign in by
    /// password alone until they set it up again.
    #[arg(long)]
    replace_host_key: bool,
}

impl IdentityOptions {
    /// Refuses to make a store beside a key that belongs to another one. Nothing is made then.
    pub(super) async fn check_before_opening(
        &self,
        key: &HostKey,
        kept: &StoreOptions,
    ) -> anyhow::Result<()> {
        if key.is_in_place() && !self.accept_empty_store && kept.is_empty().await? {
            bail!("{}", empty_store(key, kept));
        }
        Ok(())
    }

    /// Makes sure that the store belongs to the key, and puts the key in place. A store that no host has served from is
    /// claimed by it.
    pub(super) async fn claim(
        &self,
        store: &dyn Store,
        key: &HostKey,
        kept: &StoreOptions,
    ) -> anyhow::Result<()> {
        let ours = key.keys()?.signing_key().verifying_key().clone();
        let path = key.path();
        let path = path.display();
        match store.host_key().await? {
            Some(theirs) if theirs == ours => {}
            Some(_) if self.replace_host_key => {
                key.prepare()?;
                let audit = AuditEntry::new(time::now(), &Caller::host(), "replace-host-key");
                store.replace_host_key(ours, audit.into()).await?;
            }
            Some(_) if key.is_in_place() => bail!(
                "the database {kept} belongs to another host.key than {path}: put back the one that it was made with. \
                 Agents know the host by it"
            ),
            Some(_) => bail!(
                "the database {kept} belongs to another host.key, and there is no {path}: put it there, from a backup or \
                 from another replica. Agents know the host by it. If it is lost, start with --replace-host-key: each \
                 device has to enroll again then"
            ),
            None if key.is_in_place() && !self.accept_empty_store => {
                bail!("{}", empty_store(key, kept))
            }
            None => {
                key.prepare()?;
                ensure!(
                    store.claim(ours.clone()).await? == ours,
                    "another host has claimed the database {kept} at the same moment: copy its host.key to {path}"
                );
            }
        }
        key.put_in_place()
    }
}

fn empty_store(key: &HostKey, kept: &StoreOptions) -> String {
    format!(
        "the database {kept} is empty, but {} belongs to a host that had one: put the database back, by `mdm-server restore` \
         if there is a backup of it. If this host is new, and its key was made beforehand, start with --accept-empty-store",
        key.path().display()
    )
}
