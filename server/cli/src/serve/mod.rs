//! `mdm-server serve`: runs a host until it is told to stop. Its options are here, and `wiring` makes a host of them.

mod identity;
mod logging;
mod otlp;
mod signals;
mod values;
mod wiring;

use super::{
    limits::LimitOptions, listening::ListenOptions, store::StoreOptions, waking::WakeUpOptions,
};
use clap::{Args, ValueEnum};
use identity::IdentityOptions;
use logging::LogOptions;
use mdm_contract::decisions::PasswordRule;
use mdm_password_host::CanaryTerms;
use mdm_server_core::{metrics::Metrics, service::Service, supervisor::Supervisor};
use mdm_server_http::api::{Opening, Rates};
use mdm_terminal::out;
use signals::{CertificateWatch, ShutdownOptions, StopSignals};
use std::{
    num::NonZeroU32,
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use values::{password_rule, trial_terms};
use wiring::Wiring;

#[derive(Args)]
pub(super) struct Serve {
    #[command(flatten)]
    listening: ListenOptions,
    #[command(flatten)]
    kept: StoreOptions,
    #[command(flatten)]
    identity: IdentityOptions,
    /// The plugin to start with, instead of the reference plugin: a component, or one that this host
    /// compiled. It decides unless `mdm-server plugin use` has chosen another.
    #[arg(long)]
    plugin: Option<PathBuf>,
    /// Start with the plugin even if it does not pass the conformance kit. Without it, the kit is run when the host
    /// starts with a plugin for the first time.
    #[arg(long)]
    unchecked_plugin: bool,
    /// Forget which plugin `mdm-server plugin use` chose.
    #[arg(long)]
    forget_chosen_plugin: bool,
    /// When a new plugin is taken out again: 3/100 means when 3 of its first 100 calls fail.
    #[arg(long, default_value = "3/100", value_parser = trial_terms)]
    trial: CanaryTerms,
    /// What to do in a call that a plugin on trial fails.
    #[arg(long, value_enum, default_value = "previous")]
    when_trial_fails: WhenTrialFails,
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
    /// Write the admin's token of the first start into this file, which only its owner can read. Without this option it
    /// is shown on a terminal, and else nowhere.
    #[arg(long)]
    admin_token_file: Option<PathBuf>,
    /// Write the link with which the first admin chooses a password into this file, which only its owner can read. It
    /// is valid for an hour. Without this option it is shown on a terminal, and else nowhere.
    #[arg(long, value_name = "FILE")]
    invitation_file: Option<PathBuf>,
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
    /// Let webhooks go to private networks and to this machine, too, to the latter also without TLS. Without it, who
    /// may make webhooks could make the host call what only it can reach.
    #[arg(long)]
    webhooks_to_private_networks: bool,
    #[command(flatten)]
    logging: LogOptions,
    #[command(flatten)]
    waking: WakeUpOptions,
    #[command(flatten)]
    shutdown: ShutdownOptions,
}

/// How long the background tasks may take to end, after the last call.
const TASKS_TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum WhenTrialFails {
    /// Let the plugin decide that was active before, whose rules may be other ones; answer, log and audit trail say
    /// so.
    Previous,
    /// Refuse the request, and say so.
    Refuse,
}

impl From<WhenTrialFails> for mdm_password_host::WhenCanaryFails {
    fn from(when: WhenTrialFails) -> Self {
        match when {
            WhenTrialFails::Previous => Self::Previous,
            WhenTrialFails::Refuse => Self::Refuse,
        }
    }
}

impl Serve {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let metrics = Arc::new(Metrics::default());
        let exports = self.logging.start(&metrics.traces)?;
        let ended = self.serve(metrics).await;
        if let Some(exports) = exports {
            exports.end().await;
        }
        ended
    }

    async fn serve(&self, metrics: Arc<Metrics>) -> anyhow::Result<()> {
        let signals = StopSignals::new()?;
        let certificate = self.listening.certificate()?;
        let watch = CertificateWatch::new(certificate.clone(), Arc::clone(&metrics))?;
        let supervisor = Arc::new(Supervisor::new(metrics.tasks.clone()));
        let watch = Arc::new(watch);
        supervisor.spawn("certificate", CancellationToken::new(), move |_| {
            let watch = Arc::clone(&watch);
            async move { watch.run().await }
        });
        let host = Wiring::new(self, Arc::clone(&metrics), Arc::clone(&supervisor))?;
        // Listening comes first: whoever can't listen must not spend the token that is shown once.
        let door = self.listening.listen(certificate).await?;
        let url = door.url()?;
        let opening = Arc::new(Opening::default());
        let opened = Arc::new(OnceLock::<Arc<Service>>::new());
        let stop = {
            let opened = Arc::clone(&opened);
            let delay = self.shutdown.delay();
            async move {
                signals.first().await;
                tracing::info!("stopping");
                if let Some(service) = opened.get() {
                    service.stop_soon();
                }
                sleep(delay).await;
                if let Some(service) = opened.get() {
                    service.close();
                }
            }
        };
        let router = opening.router();
        let patience = self.shutdown.timeout();
        let tasks = Arc::clone(&supervisor);
        let mut serving =
            tokio::spawn(async move { door.serve(router, &metrics, &tasks, stop, patience).await });
        tokio::select! {
            served = &mut serving => return served?,
            ready = opening.open_when_possible(async || {
                let (service, router) = host.open(&url).await.map_err(|error| host.not_open(error))?;
                opened.get_or_init(|| service).start();
                Ok(router)
            }) => ready?,
        }
        // A host serves on, also if nobody reads what it says.
        let _ = out::line(format_args!("listening on {url}"));
        let served = serving.await?;
        if timeout(TASKS_TIMEOUT, supervisor.stopped()).await.is_err() {
            tracing::warn!("a background task did not end in time");
        }
        if let Some(service) = opened.get() {
            service.close_store().await;
        }
        served
    }
}
