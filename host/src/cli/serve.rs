//! `mdm-host serve`: wires a host together and runs it until it is told to stop.

use super::{
    folder::{Folder, private_file},
    limits::LimitOptions,
    plugin,
};
use crate::{
    api::{
        self, Rates, serving,
        tls::{self, TlsListener},
    },
    plugin::{REFERENCE, Runtime, TrialTerms, Trust},
    service::{PluginSettings, Plugins, Service},
    store::{PluginFile, SqliteStore, Store},
    token,
};
use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use mdm_wire::decisions::{Characters, PasswordRule};
use std::{
    io::{IsTerminal as _, Write as _, stderr},
    net::SocketAddr,
    num::NonZeroU32,
    path::PathBuf,
    sync::Arc,
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_rustls::rustls::ServerConfig;
use tracing_subscriber::EnvFilter;

#[derive(Args)]
pub(super) struct Serve {
    /// Where to listen. It leaves this machine only if you say so.
    #[arg(long, default_value = "127.0.0.1:7878")]
    listen: SocketAddr,
    /// A PEM file with the host's certificate and its chain: listen by TLS.
    #[arg(long, requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// A PEM file with the key of that certificate.
    #[arg(long, requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Listen without TLS on an address that others can reach: only behind something that adds TLS.
    #[arg(long)]
    plain_http: bool,
    /// The folder of the database, the host's key and compiled plugins. It is made if it isn't there.
    #[arg(long, default_value = "mdm-data")]
    data: PathBuf,
    /// The plugin to start with, instead of the reference plugin: a component, or one that this host
    /// compiled. It decides unless `mdm-host plugin use` has chosen another.
    #[arg(long)]
    plugin: Option<PathBuf>,
    /// Forget which plugin `mdm-host plugin use` chose.
    #[arg(long)]
    forget_chosen_plugin: bool,
    /// When a new plugin is taken out again: 3/100 means when 3 of its first 100 calls fail.
    #[arg(long, default_value = "3/100", value_parser = trial_terms)]
    trial: TrialTerms,
    /// What a password has to be like: digits:4, digits:6-12, alphanumeric:8-16.
    #[arg(long, default_value = "digits:4", value_parser = password_rule)]
    password_rule: PasswordRule,
    #[command(flatten)]
    limits: LimitOptions,
    /// Use only plugins that are pinned by a digest such as sha256:3f…, or signed by a --trust-key. Can be
    /// given more than once.
    #[arg(long, value_name = "DIGEST")]
    trust_digest: Vec<String>,
    /// Use only plugins that are signed with this minisign key (the second line of its .pub file), or pinned
    /// by a --trust-digest. Can be given more than once.
    #[arg(long, value_name = "KEY")]
    trust_key: Vec<String>,
    /// What to do while a plugin is out of service because it failed too often in a row.
    #[arg(long, value_enum, default_value = "refuse")]
    when_plugin_fails: WhenPluginFails,
    /// Write the admin's token of the first start into this file instead of showing it.
    #[arg(long)]
    admin_token_file: Option<PathBuf>,
    /// How many calls a second one address may make; for a moment, four times as many.
    #[arg(long, value_name = "CALLS", default_value_t = Rates::DEFAULT.address)]
    rate_per_address: NonZeroU32,
    /// How many syncs a second one device may make; for a moment, four times as many.
    #[arg(long, value_name = "SYNCS", default_value_t = Rates::DEFAULT.device)]
    rate_per_device: NonZeroU32,
    /// What to log: error, warn, info, debug, trace, or a list such as mdm_host=debug,warn.
    #[arg(long, env = "MDM_LOG", default_value = "info")]
    log: String,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum WhenPluginFails {
    /// Refuse every request, and say so.
    Refuse,
    /// Let the reference plugin decide, whose rules may be other ones.
    Reference,
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

        let tls = self.tls()?;
        let folder = Folder::open(&self.data)?;
        let artifacts = folder.artifacts()?;
        let runtime = Runtime::new(self.limits.limits())?;
        let default = match &self.plugin {
            Some(file) => {
                let PluginFile { bytes, signature } = plugin::read_signed(file)?;
                self.trust()?.check(&bytes, signature.as_deref())?;
                runtime.load(&bytes, Some(&artifacts))?
            }
            None => runtime.load(REFERENCE, Some(&artifacts))?,
        };
        let fallback = match self.when_plugin_fails {
            WhenPluginFails::Refuse => None,
            WhenPluginFails::Reference => Some(runtime.load(REFERENCE, Some(&artifacts))?),
        };
        let database = folder.database()?;
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&database)?);
        if self.forget_chosen_plugin {
            store.forget_plugin_choice().await?;
        }
        let settings = PluginSettings {
            default,
            artifacts: Some(artifacts),
            trial: self.trial,
            fallback,
            trust: self.trust()?,
        };
        let plugins = Plugins::open(store.as_ref(), settings).await.context(
            "the plugin that was chosen can't be loaded: start with --forget-chosen-plugin",
        )?;
        // Listening comes first: whoever can't listen must not spend the token that is shown once.
        let listener = TcpListener::bind(self.listen)
            .await
            .with_context(|| format!("can't listen on {}", self.listen))?;
        self.hand_out_admin_token(store.as_ref()).await?;

        let service = Arc::new(Service::new(store, plugins, self.password_rule));
        let scheme = if tls.is_some() { "https" } else { "http" };
        println!("listening on {scheme}://{}", listener.local_addr()?);
        tokio::spawn({
            let service = Arc::clone(&service);
            async move { service.watch_the_clock().await }
        });
        let mut terminate = signal(SignalKind::terminate())?;
        let rates = Rates {
            address: self.rate_per_address,
            device: self.rate_per_device,
        };
        let router = api::router(Arc::clone(&service), rates);
        let stop = async move {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            tracing::info!("stopping");
            service.close();
        };
        match tls {
            Some(config) => {
                let listener = TlsListener::new(listener, config)?;
                serving::serve(listener, router, stop).await;
            }
            None => serving::serve(listener, router, stop).await,
        }
        Ok(())
    }

    /// Which plugins may be used: the reference plugin always may.
    fn trust(&self) -> anyhow::Result<Trust> {
        let mut trust = Trust::default();
        for digest in &self.trust_digest {
            trust.pin(digest)?;
        }
        for key in &self.trust_key {
            trust.add_key(key)?;
        }
        Ok(trust)
    }

    /// How to listen by TLS; none: by plain HTTP, and only where that harms nobody.
    fn tls(&self) -> anyhow::Result<Option<Arc<ServerConfig>>> {
        match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Ok(Some(tls::server_config(certificate, key)?)),
            _ if self.listen.ip().is_loopback() || self.plain_http => Ok(None),
            _ => bail!(
                "{} can be reached by others, and plain HTTP would show them every token and password: \
                 give --tls-cert and --tls-key, or --plain-http if something in front adds TLS",
                self.listen
            ),
        }
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

fn trial_terms(text: &str) -> Result<TrialTerms, String> {
    let parsed = text.split_once('/').and_then(|(failures, calls)| {
        Some(TrialTerms {
            failures: failures.parse().ok()?,
            calls: calls.parse().ok()?,
        })
    });
    match parsed {
        Some(terms) if terms.failures == 0 || terms.failures > terms.calls => Err(format!(
            "no trial has {} failures of {} calls",
            terms.failures, terms.calls
        )),
        Some(terms) => Ok(terms),
        None => Err("a trial looks like 3/100: 3 failures of the first 100 calls".into()),
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
    fn a_trial_is_written_as_failures_of_calls() {
        assert_eq!(trial_terms("3/100"), Ok(TrialTerms::default()));
        for bad in ["", "3", "0/5", "6/5", "a/b"] {
            assert!(trial_terms(bad).is_err(), "{bad}");
        }
    }

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
