//! `mdm-host serve`: wires a host together and runs it until it is told to stop.

use super::{folder::Folder, limits::LimitOptions, listening::ListenOptions, plugin, tokens};
use crate::{
    api::{self, Rates},
    dashboard,
    plugin::{REFERENCE, Runtime, TrialTerms, Trust},
    service::{PluginSettings, Plugins, Service},
    store::{PluginFile, SqliteStore, Store},
    webhook::Destinations,
};
use anyhow::{Context as _, ensure};
use clap::{Args, ValueEnum};
use mdm_wire::decisions::{Characters, PasswordRule};
use std::{
    io::{IsTerminal as _, stderr},
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    sync::Arc,
};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

#[derive(Args)]
pub(super) struct Serve {
    #[command(flatten)]
    listening: ListenOptions,
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
    /// A bulk of more devices than this waits until somebody else approves it.
    #[arg(long, value_name = "DEVICES")]
    approve_above: Option<u64>,
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
    /// A file with a token that may read the metrics at /metrics, and nothing else; it is made if it isn't
    /// there. The admin's token may read them, too.
    #[arg(long, value_name = "FILE")]
    metrics_token_file: Option<PathBuf>,
    /// How many calls a second one address may make; for a moment, four times as many.
    #[arg(long, value_name = "CALLS", default_value_t = Rates::DEFAULT.address)]
    rate_per_address: NonZeroU32,
    /// How many syncs a second one device may make; for a moment, four times as many.
    #[arg(long, value_name = "SYNCS", default_value_t = Rates::DEFAULT.device)]
    rate_per_device: NonZeroU32,
    /// How many calls may share one commit at most: those that come at the same time. Each is answered once its commit
    /// is on the disk, so fewer answer sooner under load, and carry out less.
    #[arg(long, value_name = "CALLS", default_value_t = SqliteStore::CALLS_PER_COMMIT)]
    calls_per_commit: NonZeroUsize,
    /// Let webhooks go to private networks and to this machine, too, to the latter also without TLS. Without it, who
    /// may make webhooks could make the host call what only it can reach.
    #[arg(long)]
    webhooks_to_private_networks: bool,
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

        let tls = self.listening.tls()?;
        let reader = self
            .metrics_token_file
            .as_deref()
            .map(tokens::metrics_token);
        let metrics_reader = reader.transpose()?;
        let folder = Folder::open(&self.data)?;
        let keys = folder.keys()?;
        let artifacts = folder.artifacts(&keys)?;
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
        let store: Arc<dyn Store> =
            Arc::new(SqliteStore::open_with(&database, self.calls_per_commit)?);
        let ours = keys.signing_key().verifying_key();
        ensure!(
            store.host_key(ours.clone()).await? == *ours,
            "the database {} belongs to another host.key: put back the one that it was made with. Agents know \
             the host by it",
            database.display()
        );
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
        let door = self.listening.listen(tls).await?;
        tokens::hand_out_admin_token(store.as_ref(), self.admin_token_file.as_deref()).await?;

        let destinations = match self.webhooks_to_private_networks {
            true => Destinations::Private,
            false => Destinations::Public,
        };
        let service = Service::new(store, plugins, self.password_rule, keys)
            .with_webhooks_to(destinations)
            .approving_above(self.approve_above);
        let service = Arc::new(service);
        if let Some(invitation) = service.first_admin().await? {
            println!(
                "the first admin's password is chosen here, once: {}{}",
                door.url()?,
                invitation.path()
            );
        }
        println!("listening on {}", door.url()?);
        tokio::spawn({
            let service = Arc::clone(&service);
            async move { service.watch_the_clock().await }
        });
        tokio::spawn(Arc::clone(&service).deliver_webhooks());
        tokio::spawn(Arc::clone(&service).run_bulks());
        let mut terminate = signal(SignalKind::terminate())?;
        let terms = api::Terms {
            rates: Rates {
                address: self.rate_per_address,
                device: self.rate_per_device,
            },
            body_time: self.listening.body_time(),
            metrics_reader,
        };
        let metrics = Arc::clone(service.metrics());
        let pages = dashboard::router(Arc::clone(&service), self.listening.is_secure());
        let router = api::router(Arc::clone(&service), terms, pages);
        let stop = async move {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            tracing::info!("stopping");
            service.close();
        };
        door.serve(router, &metrics, stop).await
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
