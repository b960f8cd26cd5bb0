//! `mdm-server backup`: a copy of the store, which a host may be using.

use super::{files, store::StoreOptions};
use anyhow::{Context as _, bail, ensure};
use clap::Args;
use mdm_server_sqlite::SqliteStore;
use mdm_terminal::out;
use std::path::PathBuf;

#[derive(Args)]
pub(super) struct Backup {
    /// The new file, which only its owner can read. It must not exist.
    file: PathBuf,
    #[command(flatten)]
    kept: StoreOptions,
}

impl Backup {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let (file, kept) = (&self.file, &self.kept);
        if let Some(options) = kept.postgres()? {
            out::line(options.dump_command(file))?;
            bail!(
                "nothing was backed up: a PostgreSQL database is backed up by its own pg_dump, with the command above \
                 (of the server's version or a later one, and with sslrootcert=system of version 16 or later; the password from \
                 PGPASSWORD or ~/.pgpass). Keep host.key \
                 apart: it is not in the database, and a store is of no use without it"
            );
        }
        let from = kept.used_database()?;
        let taken = || format!("{} is there already: name another file", file.display());
        ensure!(!file.exists(), taken());
        let copy = files::private_temporary_beside(file)?;
        SqliteStore::back_up(&from, copy.path())
            .with_context(|| format!("{} was not backed up", from.display()))?;
        ensure!(files::put_in_place(copy, file)?, taken());
        out::line(format_args!(
            "{} is backed up to {}. Keep {} apart: it is not in the backup, which is of no use without it",
            from.display(),
            file.display(),
            kept.folder()?.host_key_path().display()
        ))?;
        Ok(())
    }
}
