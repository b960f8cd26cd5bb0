//! `mdm-server restore`: puts a backup where a host finds it. It never replaces a store.

use super::{data_dir::DataDir, files, store::StoreOptions};
use anyhow::{Context as _, bail, ensure};
use clap::Args;
use mdm_contract::time;
use mdm_server_core::{
    access::Caller,
    audit::AuditEntry,
    store::{Enrollment as _, Lifecycle as _, Store},
};
use mdm_server_sqlite::SqliteStore;
use mdm_terminal::out;
use std::path::PathBuf;

#[derive(Args)]
pub(super) struct Restore {
    /// The backup, made by `mdm-server backup`.
    file: PathBuf,
    #[command(flatten)]
    kept: StoreOptions,
}

impl Restore {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let (file, kept) = (&self.file, &self.kept);
        if let Some(options) = kept.postgres()? {
            out::line(options.restore_command(file))?;
            bail!(
                "nothing was restored: a PostgreSQL database is restored by its own pg_restore, with the command above, \
                 into a new and empty database (of the server's version or a later one, and with sslrootcert=system of version 16 or later; the password from \
                 PGPASSWORD or ~/.pgpass). Then put back the host.key that belongs to it, and start the hosts"
            );
        }
        let refused = || format!("{} was not restored", file.display());
        // Opening by name would report a missing file as an invalid database.
        ensure!(file.is_file(), "there is no file {}", file.display());
        SqliteStore::check(file).with_context(refused)?;
        let folder = kept.folder()?;
        let _lock = folder.lock().with_context(refused)?;
        refuse_to_replace(&folder).with_context(refused)?;

        let database = folder.database_path();
        let copy = files::private_temporary_beside(&database)?;
        SqliteStore::copy_backup(file, copy.path()).with_context(refused)?;
        let store = kept.open_file(copy.path())?;
        let checked = check_key(&store, &folder).await;
        let noted = match checked {
            Ok(()) => note_restored(&store, file.display().to_string()).await,
            error => error,
        };
        // A remaining log is written into the copy, even if the copy is discarded.
        store.close().await?;
        noted.with_context(refused)?;
        // Only now does a host find it.
        ensure!(
            files::put_in_place(copy, &database)?,
            "{}: {} has come to be there meanwhile",
            refused(),
            database.display()
        );
        out::line(format_args!(
            "{} is restored to {}",
            file.display(),
            database.display()
        ))?;
        if !folder.host_key()?.is_in_place() {
            let key = folder.host_key_path();
            out::line(format_args!(
                "put the host.key that belongs to it into {}",
                key.display()
            ))?;
        }
        Ok(())
    }
}

/// Refuses to overwrite a database, and a remaining log, which would be read as part of the new one.
fn refuse_to_replace(folder: &DataDir) -> anyhow::Result<()> {
    let database = folder.database_path();
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut path = database.clone().into_os_string();
        path.push(suffix);
        let path = PathBuf::from(path);
        ensure!(
            !path.exists(),
            "{} is there already: move it away first, with all files whose names begin with mdm.db",
            path.display()
        );
    }
    Ok(())
}

/// A backup that belongs to another host.key than the folder's would be refused when the host starts.
async fn check_key(store: &SqliteStore, folder: &DataDir) -> anyhow::Result<()> {
    let key = folder.host_key()?;
    if let Some(theirs) = store.host_key().await?
        && key.is_in_place()
    {
        ensure!(
            key.keys()?.signing_key().verifying_key() == &theirs,
            "it belongs to another host.key than {}: name the folder of its own key with --data",
            key.path().display()
        );
    }
    Ok(())
}

/// Lets a restored store know that it was restored, before a host serves from it: its pending commands are held.
async fn note_restored(store: &dyn Store, from: String) -> anyhow::Result<()> {
    let entry = AuditEntry {
        detail: Some(from),
        ..AuditEntry::new(time::now(), &Caller::host(), "restore")
    };
    let state = store.restore_state().await?;
    store
        .begin_epoch(state.epoch, state.epoch + 1, entry)
        .await?;
    Ok(())
}
