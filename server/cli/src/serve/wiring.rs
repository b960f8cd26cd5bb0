//! From the options to a server: store, plugins, components and routes.

use super::options::Serve;
use crate::{
    data_dir::{DataDir, DataDirLock},
    host_key::HostKey,
    plugin, tokens,
};
use anyhow::Context as _;
use axum::Router;
use mdm_password_component::REFERENCE;
use mdm_password_host::{Runtime, Trust};
use mdm_server_core::{
    error::ServerError,
    metrics::Metrics,
    plugins::{ChosenPlugins, PluginOptions},
    server::{Server, ServerSettings},
    store::{PluginFile, StoreError},
    supervisor::Supervisor,
    token::TokenDigest,
    transport::WakeUp,
    webhook_client::Destinations,
};
use mdm_server_http::{
    api::{self, NotOpen, Rates},
    dashboard,
};
use std::{path::Path, sync::Arc};

/// A host before its store is open.
pub(super) struct Wiring<'a> {
    options: &'a Serve,
    folder: DataDir,
    _lock: DataDirLock,
    /// The key at the start. Each try to open the store reads it anew.
    key: HostKey,
    runtime: Runtime,
    /// The plugin to start with. `None` for the reference plugin.
    plugin: Option<PluginFile>,
    trust: Trust,
    metrics_reader: Option<TokenDigest>,
    metrics: Arc<Metrics>,
    supervisor: Arc<Supervisor>,
    wake_up: Option<Arc<dyn WakeUp>>,
}

impl<'a> Wiring<'a> {
    /// Checks all options except the store. Their errors are permanent.
    pub(super) fn new(
        options: &'a Serve,
        metrics: Arc<Metrics>,
        supervisor: Arc<Supervisor>,
    ) -> anyhow::Result<Self> {
        let folder = options.kept.folder()?;
        let lock = folder.lock()?;
        let reader = options.metrics_token_file.as_deref();
        let plugin = options.plugin.as_deref().map(plugin::file::read_signed);
        let wiring = Self {
            options,
            _lock: lock,
            key: folder.host_key()?,
            folder,
            runtime: Runtime::new(options.limits.limits())?,
            plugin: plugin.transpose()?,
            trust: trust(options)?,
            metrics_reader: reader.map(tokens::metrics_token).transpose()?,
            metrics,
            wake_up: options.waking.connect(&supervisor)?,
            supervisor,
        };
        wiring.plugins(&wiring.key)?.check().with_context(|| {
            let file = options.plugin.as_deref().unwrap_or(Path::new("the plugin"));
            format!(
                "the host does not start with {}; --unchecked-plugin starts it all the same",
                file.display()
            )
        })?;
        options.kept.postgres()?;
        Ok(wiring)
    }

    /// Opens the store, and makes a host over it that is reached at this URL.
    pub(super) async fn open(&self, url: &str) -> anyhow::Result<(Arc<Server>, Router)> {
        let options = self.options;
        let (identity, kept) = (&options.identity, &options.kept);
        let key = self.key.again()?;
        identity.check_before_opening(&key, kept).await?;
        let store = kept
            .open(self.metrics.store.clone(), &self.supervisor)
            .await?;
        identity.claim(store.as_ref(), &key, kept).await?;
        if options.forget_chosen_plugin {
            store.forget_plugin_choice().await?;
        }
        let plugins = match ChosenPlugins::open(Arc::clone(&store), self.plugins(&key)?).await {
            // An option can't fix an error of the store.
            Err(ServerError::Store(error)) => return Err(error.into()),
            opened => opened.context(
                "the host does not start with the plugin that was chosen: --forget-chosen-plugin starts it with its own",
            )?,
        };
        tokens::hand_out_admin_token(store.as_ref(), options.admin_token_file.as_deref()).await?;

        let destinations = match options.webhooks_to_private_networks {
            true => Destinations::Private,
            false => Destinations::Public,
        };
        let wake_up = self.wake_up.clone();
        let settings = ServerSettings {
            password_rule: options.password_rule.clone(),
            minimum_agent_version: options.minimum_agent_version.clone(),
            webhook_destinations: destinations,
            public_url: options.listening.public_url().cloned(),
            approve_above: options.approve_above,
            history_file: Some(self.folder.history_path()),
            wake_up: wake_up.map(|channel| (channel, options.waking.sync_every)),
        };
        let (metrics, supervisor) = (Arc::clone(&self.metrics), Arc::clone(&self.supervisor));
        let server = Server::new(store, plugins, key.keys()?, metrics, supervisor, settings)?;
        let server = Arc::new(server);
        server.open_history().await?;
        tokens::invite_first_admin(
            &server.identity,
            url,
            options.invitation_file.as_deref(),
            options.admin_token_file.is_some(),
        )
        .await?;
        let terms = api::Terms {
            rates: Rates {
                address: options.rate_per_address,
                device: options.rate_per_device,
            },
            body_time: options.listening.body_time(),
            metrics_reader: self.metrics_reader,
            trusted_proxies: options.listening.trusted_proxies(),
        };
        let pages = dashboard::router(Arc::clone(&server), options.listening.is_secure());
        let router = api::router(Arc::clone(&server), terms, pages);
        Ok((server, router))
    }

    /// The error of a server that did not open.
    pub(super) fn not_open(&self, error: anyhow::Error) -> NotOpen<anyhow::Error> {
        // Errors of the server's own folder are permanent; those of other services may pass.
        match self.options.kept.is_ours() {
            true => NotOpen::Fatal(error),
            false => NotOpen::Retryable {
                reason: match error.downcast_ref::<StoreError>() {
                    Some(error) => error.in_public(),
                    None => "the host can't be opened: its log says why",
                },
                cause: format!("{error:#}"),
            },
        }
    }

    fn plugins(&self, key: &HostKey) -> anyhow::Result<PluginOptions> {
        let artifacts = self.folder.artifacts(&key.keys()?)?;
        let default = match &self.plugin {
            Some(PluginFile { bytes, signature }) => {
                self.trust.check(bytes, signature.as_deref())?;
                self.runtime.load(bytes, Some(&artifacts))?
            }
            None => self.runtime.load(REFERENCE, Some(&artifacts))?,
        };
        Ok(PluginOptions {
            default,
            artifacts: Some(artifacts),
            canary_terms: self.options.canary,
            when_canary_fails: self.options.when_canary_fails.into(),
            trust: self.trust.clone(),
            checked_at_start: !self.options.unchecked_plugin,
        })
    }
}

/// Which plugins may be used: the reference plugin always may.
fn trust(options: &Serve) -> anyhow::Result<Trust> {
    let mut trust = Trust::default();
    for digest in &options.trust_digest {
        trust.pin(digest)?;
    }
    for key in &options.trust_key {
        trust.add_key(key)?;
    }
    Ok(trust)
}
