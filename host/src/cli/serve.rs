//! `mdm-host serve`: wires a host together and runs it until it is told to stop.

use crate::{
    api,
    plugin::{Artifacts, Limits, REFERENCE, Runtime},
    service::Service,
    store::{SqliteStore, Store},
    token,
};
use anyhow::{Context as _, bail};
use clap::Args;
use mdm_wire::decisions::{Characters, PasswordRule};
use std::{
    fs,
    io::{IsTerminal as _, Write as _, stderr},
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tracing_subscriber::EnvFilter;

#[derive(Args)]
pub(super) struct Serve {
    /// Where to listen. It leaves this machine only if you say so.
    #[arg(long, default_value = "127.0.0.1:7878")]
    listen: SocketAddr,
    /// The folder of the database, the host's key and compiled plugins. It is made if it isn't there.
    #[arg(long, default_value = "mdm-data")]
    data: PathBuf,
    /// A component to load instead of the reference plugin.
    #[arg(long)]
    plugin: Option<PathBuf>,
    /// What a password has to be like: digits:4, digits:6-12, alphanumeric:8-16.
    #[arg(long, default_value = "digits:4", value_parser = password_rule)]
    password_rule: PasswordRule,
    /// Write the admin's token of the first start into this file instead of showing it.
    #[arg(long)]
    admin_token_file: Option<PathBuf>,
    /// What to log: error, warn, info, debug, trace, or a list such as mdm_host=debug,warn.
    #[arg(long, env = "MDM_LOG", default_value = "info")]
    log: String,
}

impl Serve {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let filter = EnvFilter::try_new(&self.log)
            .with_context(|| format!("`{}` says not what to log: try info", self.log))?;
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(stderr().is_terminal())
            .with_writer(stderr)
            .init();

        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.data)
            .with_context(|| format!("the folder {} can't be made", self.data.display()))?;
        let runtime = Runtime::new(Limits::default())?;
        let artifacts = Artifacts::open(&self.data.join("compiled"), host_key(&self.data)?)
            .context("the folder of compiled plugins can't be made")?;
        let plugin = match &self.plugin {
            Some(file) => runtime.load_file(file, Some(&artifacts)),
            None => runtime.load(REFERENCE, Some(&artifacts)),
        }?;
        let database = self.data.join("mdm.db");
        private_file(&database)?;
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&database)?);
        // Listening comes first: whoever can't listen must not spend the token that is shown once.
        let listener = TcpListener::bind(self.listen)
            .await
            .with_context(|| format!("can't listen on {}", self.listen))?;
        self.hand_out_admin_token(store.as_ref()).await?;

        tracing::info!(plugin = plugin.digest(), "plugin loaded");
        let service = Arc::new(Service::new(store, plugin, self.password_rule));
        println!("listening on http://{}", listener.local_addr()?);
        tokio::spawn({
            let service = Arc::clone(&service);
            async move { service.watch_the_clock().await }
        });
        let mut terminate = signal(SignalKind::terminate())?;
        let router = api::router(Arc::clone(&service));
        let stop = async move {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            tracing::info!("stopping");
            service.close();
        };
        axum::serve(listener, router)
            .with_graceful_shutdown(stop)
            .await?;
        Ok(())
    }

    /// Makes the admin's token if there is none yet, and shows it this once. It is shown before it
    /// counts: a power cut in between costs nothing, and the next start shows another.
    async fn hand_out_admin_token(&self, store: &dyn Store) -> anyhow::Result<()> {
        if store.has_admin_token().await? {
            return Ok(());
        }
        let token = token::new_token("admin")?;
        match &self.admin_token_file {
            Some(path) => {
                let mut file = private_file(path)?;
                file.set_len(0)?;
                writeln!(file, "{}", token.as_str())?;
                file.sync_all()?;
                println!("the admin's token is in {}", path.display());
            }
            None => println!(
                "the admin's token, shown only now (put it into MDM_TOKEN): {}",
                token.as_str()
            ),
        }
        Ok(store.add_admin_token(token::digest(&token)).await?)
    }
}

/// Opens a file that only its owner can read.
fn private_file(path: &Path) -> anyhow::Result<fs::File> {
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("the file {} can't be written", path.display()))
}

/// The host's own key, made at the first start: it vouches for what this host has compiled.
fn host_key(data: &Path) -> anyhow::Result<[u8; 32]> {
    let path = data.join("host.key");
    if !path.exists() {
        let mut key = [0u8; 32];
        getrandom::fill(&mut key).context("the operating system gave no random bytes")?;
        let temporary = data.join("host.key.new");
        let mut file = private_file(&temporary)?;
        file.write_all(&key)?;
        file.sync_all()?;
        fs::rename(&temporary, &path)?;
    }
    let key = fs::read(&path).with_context(|| format!("{} can't be read", path.display()))?;
    match key.try_into() {
        Ok(key) => Ok(key),
        Err(_) => bail!(
            "{} is damaged: remove it, and the host makes another (compiled plugins are then compiled \
             again)",
            path.display()
        ),
    }
}

fn password_rule(text: &str) -> Result<PasswordRule, String> {
    let parsed = text.split_once(':').and_then(|(characters, lengths)| {
        let (least, most) = lengths.split_once('-').unwrap_or((lengths, lengths));
        Some(PasswordRule {
            characters: characters.parse::<Characters>().ok()?,
            minimum_length: least.parse().ok()?,
            maximum_length: most.parse().ok()?,
        })
    });
    match parsed {
        Some(rule) if rule.minimum_length == 0 || rule.minimum_length > rule.maximum_length => {
            Err(format!(
                "no password has {} to {} characters",
                rule.minimum_length, rule.maximum_length
            ))
        }
        // Android takes at least 16 characters on every device.
        Some(rule) if rule.maximum_length > 16 => {
            Err("Android takes no more than 16 characters everywhere".into())
        }
        Some(rule) => Ok(rule),
        None => Err("a rule looks like digits:4, digits:6-12 or alphanumeric:8-16".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_rule_is_written_in_one_word() {
        assert_eq!(password_rule("digits:4"), Ok(PasswordRule::default()));
        let rule = password_rule("alphanumeric:8-16").unwrap();
        assert_eq!(
            rule.to_string(),
            "8 to 16 characters, with a letter and a digit"
        );
        for bad in [
            "",
            "digits",
            "digits:",
            "digits:0",
            "digits:8-4",
            "digits:4-17",
            "letters:4",
        ] {
            assert!(password_rule(bad).is_err(), "{bad}");
        }
    }
}
