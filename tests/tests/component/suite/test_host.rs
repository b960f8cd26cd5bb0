//! A host in this process, and agents that say what a test wants them to say.

use crate::database;
use mdm_agent_protocol::{
    sealing::{Payload, PrivateKey, PublicKey, SealingError},
    signature::{AGENT, Headers, Stamp},
    signing_key::SigningKey,
    sync::{
        DeviceInfo, EnrollRequest, Report, RotateKeysRequest, SYNC_PATH, SealedCommand,
        SyncRequest, SyncResponse,
    },
};
use mdm_contract::{
    Action, Command, DeviceOutcome, DevicePreview, PasswordRule, Policy, Refusal, ResetOptions,
};
use mdm_password_component::REFERENCE;
use mdm_password_host::{Limits, Plugin, Runtime, password::Password};
use mdm_server_core::{
    access::{Caller, DeviceScope, Permission},
    actor::Actor,
    agents::AuthenticatedAgent,
    commands::{CommandTerms, PreviewQuery, Reset},
    error::ServerError,
    keys::HostKeys,
    metrics::Metrics,
    plugins::{ChosenPlugins, PluginOptions},
    server::{Server, ServerSettings},
    store::Store,
    supervisor::Supervisor,
    token,
    transport::WakeUp,
};
use mdm_server_http::{
    api::{self, Rates, TrustedProxies},
    dashboard,
};
pub(crate) use mdm_tests::device_info::owner;
use reqwest::{Client, redirect};
use std::{collections::BTreeSet, io, path::Path, sync::Arc, time::Duration};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};
use zeroize::Zeroizing;

/// A caller with all permissions.
pub(crate) fn admin() -> Caller {
    Caller {
        actor: Actor::Token("admin".into()),
        ..Caller::host()
    }
}

/// A host over a store on disk.
pub(crate) struct TestHost {
    pub(crate) server: Arc<Server>,
    folder: TempDir,
}

/// Runs the bulks of a host.
pub(crate) struct Runner(JoinHandle<()>);

impl Runner {
    /// It ends with the host.
    pub(crate) async fn stop(self, fleet: &TestHost) {
        fleet.server.close();
        self.0.await.unwrap();
    }

    /// It stops in the middle of what it does.
    pub(crate) async fn abort(self) {
        self.0.abort();
        assert!(self.0.await.is_err_and(|error| error.is_cancelled()));
    }
}

/// An enrolled device, and what its agent says.
pub(crate) struct Agent {
    pub(crate) device: String,
    key: PrivateKey,
    pub(crate) signing_key: SigningKey,
    /// The key for reset tokens, from the enrollment.
    pub(crate) token_key: PublicKey,
    pub(crate) device_info: DeviceInfo,
    pub(crate) holding: Vec<String>,
}

impl TestHost {
    pub(crate) async fn new() -> Self {
        Self::with_rule(PasswordRule::default()).await
    }

    pub(crate) async fn with_rule(rule: PasswordRule) -> Self {
        Self::with_plugin(rule, reference()).await
    }

    pub(crate) async fn with_plugin(rule: PasswordRule, plugin: Plugin) -> Self {
        let folder = TempDir::new().unwrap();
        Self {
            server: server(folder.path(), of_rule(rule), plugin).await,
            folder,
        }
    }

    /// A bulk of more devices than this has to be approved.
    pub(crate) async fn approving_above(devices: u64) -> Self {
        Self::with_settings(ServerSettings {
            approve_above: Some(devices),
            ..ServerSettings::default()
        })
        .await
    }

    /// Its agents are woken by this.
    pub(crate) async fn woken_by(channel: Arc<dyn WakeUp>) -> Self {
        Self::with_settings(ServerSettings {
            wake_up: Some((channel, 300)),
            ..ServerSettings::default()
        })
        .await
    }

    async fn with_settings(settings: ServerSettings) -> Self {
        let folder = TempDir::new().unwrap();
        Self {
            server: server(folder.path(), settings, reference()).await,
            folder,
        }
    }

    /// The folder of the store.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A token of the API.
    pub(crate) async fn token(
        &self,
        name: &str,
        permissions: BTreeSet<Permission>,
        scope: DeviceScope,
    ) -> String {
        let made = self
            .server
            .identity
            .add_token(&admin(), name, permissions, scope, None)
            .await;
        made.unwrap().to_string()
    }

    /// The host listens at this URL, until the task is stopped.
    pub(crate) async fn listens(&self) -> (String, JoinHandle<io::Result<()>>) {
        let terms = api::Terms {
            rates: Rates::DEFAULT,
            body_time: Duration::from_secs(5),
            metrics_reader: None,
            trusted_proxies: TrustedProxies::default(),
        };
        let pages = dashboard::router(Arc::clone(&self.server), false);
        let router = api::router(Arc::clone(&self.server), terms, pages);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serving = async move { axum::serve(listener, router).await };
        (url, tokio::spawn(serving))
    }

    /// Bulks run until the runner is stopped.
    pub(crate) fn runs_bulks(&self) -> Runner {
        let server = Arc::clone(&self.server);
        let runner = Arc::clone(&server.tasks.bulk_runner);
        Runner(tokio::spawn(
            async move { runner.run(server.closing()).await },
        ))
    }

    /// The host stops and starts again.
    pub(crate) async fn restarted(self) -> Self {
        self.restarted_with_rule(PasswordRule::default()).await
    }

    pub(crate) async fn restarted_with_rule(self, rule: PasswordRule) -> Self {
        let Self {
            server: old,
            folder,
        } = self;
        old.close();
        drop(old);
        Self {
            server: server(folder.path(), of_rule(rule), reference()).await,
            folder,
        }
    }

    pub(crate) async fn enroll(&self, device_info: DeviceInfo) -> Agent {
        self.enroll_in(device_info, &[]).await
    }

    pub(crate) async fn enroll_in(&self, device_info: DeviceInfo, groups: &[&str]) -> Agent {
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        let made = self
            .server
            .devices
            .add_enrollment_token(&admin(), groups, 60)
            .await
            .unwrap();
        let (key, public_key) = PrivateKey::generate();
        let signing_key = SigningKey::generate().unwrap();
        let request = EnrollRequest {
            name: "phone".into(),
            public_key,
            signing_key: signing_key.verifying_key().clone(),
            device_info: device_info.clone(),
        };
        let enrolled = self
            .server
            .agents
            .enroll(token::digest(&made.token), request)
            .await
            .unwrap();
        Agent {
            device: enrolled.device,
            key,
            signing_key,
            token_key: enrolled.token_key,
            device_info,
            holding: Vec::new(),
        }
    }

    pub(crate) async fn reset(
        &self,
        agent: &Agent,
        password: &str,
    ) -> Result<Command, ServerError> {
        self.reset_on(
            agent,
            password,
            ResetOptions::default(),
            CommandTerms::default(),
        )
        .await
    }

    pub(crate) async fn reset_on(
        &self,
        agent: &Agent,
        text: &str,
        options: ResetOptions,
        terms: CommandTerms,
    ) -> Result<Command, ServerError> {
        let reset = Reset {
            password: password(text),
            options,
            terms,
            reason: None,
        };
        let made = self
            .server
            .commands
            .reset(&admin(), &agent.device, &reset)
            .await;
        made.map(|answer| answer.command)
    }

    /// Requests a reset for this reason.
    pub(crate) async fn reset_because(
        &self,
        agent: &Agent,
        text: &str,
        reason: &str,
    ) -> Result<Command, ServerError> {
        let reset = Reset {
            password: password(text),
            options: ResetOptions::default(),
            terms: CommandTerms::default(),
            reason: Some(reason.to_owned()),
        };
        let commands = &self.server.commands;
        let made = commands.reset(&admin(), &agent.device, &reset).await;
        made.map(|answer| answer.command)
    }

    pub(crate) async fn remove(&self, agent: &Agent) -> Result<Command, ServerError> {
        let made = self
            .server
            .commands
            .remove(&admin(), &agent.device, CommandTerms::default(), None)
            .await;
        made.map(|answer| answer.command)
    }

    pub(crate) async fn command(&self, agent: &Agent, command: &Command) -> Command {
        let (_, history) = self
            .server
            .commands
            .status(&admin(), &agent.device)
            .await
            .unwrap();
        history
            .into_iter()
            .find(|entry| entry.id == command.id)
            .unwrap()
    }

    pub(crate) async fn apply_policy(&self, agent: &Agent, policy: &Policy) {
        self.server
            .devices
            .set_policy(&admin(), &agent.device, Some(policy.clone()))
            .await
            .unwrap();
    }

    pub(crate) async fn preview(&self, agent: &Agent, action: Action) -> DevicePreview {
        let request = PreviewQuery {
            action,
            password: None,
            options: ResetOptions::default(),
            terms: CommandTerms::default(),
            reason: None,
        };
        self.server
            .commands
            .preview(&admin(), &agent.device, request)
            .await
            .unwrap()
    }

    pub(crate) async fn sync(&self, agent: &Agent) -> SyncResponse {
        self.try_sync(agent, vec![]).await.unwrap()
    }

    pub(crate) async fn report(&self, agent: &Agent, command: &Command, outcome: DeviceOutcome) {
        let report = Report {
            command: command.id.clone(),
            outcome,
        };
        self.try_sync(agent, vec![report]).await.unwrap();
    }

    pub(crate) async fn try_sync(
        &self,
        agent: &Agent,
        reports: Vec<Report>,
    ) -> Result<SyncResponse, ServerError> {
        let request = SyncRequest {
            device_info: agent.device_info.clone(),
            reports,
            holding: agent.holding.clone(),
            policy: None,
            wait_seconds: 0,
            witness: None,
        };
        self.server
            .agents
            .sync(&agent.authenticated(), request)
            .await
    }
}

/// A client that follows nowhere.
pub(crate) fn client() -> Client {
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder().redirect(redirect::Policy::none());
    client.build().unwrap()
}

impl Agent {
    /// The password of a command, as the device would open it.
    pub(crate) fn open(&self, command: &SealedCommand) -> String {
        let payload = self.payload(command);
        String::from_utf8(payload.password.to_vec()).unwrap()
    }

    /// The sealed payload of a command.
    pub(crate) fn payload(&self, command: &SealedCommand) -> Payload {
        self.try_open(command).unwrap()
    }

    /// The same, or the error that a real agent gets.
    pub(crate) fn try_open(&self, command: &SealedCommand) -> Result<Payload, SealingError> {
        let binding = command.binding(&self.device);
        Payload::open(&command.sealed, &self.key, &binding)
    }

    /// As the host knows it once it has signed.
    pub(crate) fn authenticated(&self) -> AuthenticatedAgent {
        AuthenticatedAgent {
            device: self.device.clone(),
            key: self.signing_key.verifying_key().clone(),
        }
    }

    /// Signs a sync.
    pub(crate) fn sign(&self, body: &[u8], created: u64, nonce: &str) -> Headers {
        let stamp = Stamp {
            device: &self.device,
            created,
            nonce,
        };
        signed_sync(body)
            .sign(stamp, &[(AGENT, &self.signing_key)])
            .unwrap()
    }

    /// The agent makes new keys, and tells the host.
    pub(crate) async fn rotates_keys(&mut self, fleet: &TestHost) {
        let (key, public_key) = PrivateKey::generate();
        let signing_key = SigningKey::generate().unwrap();
        let request = RotateKeysRequest {
            public_key,
            signing_key: signing_key.verifying_key().clone(),
        };
        fleet
            .server
            .agents
            .rotate_keys(&self.device, request)
            .await
            .unwrap();
        self.key = key;
        self.signing_key = signing_key;
    }
}

/// A sync with this body, as far as it is signed.
pub(crate) fn signed_sync(body: &[u8]) -> mdm_agent_protocol::signature::Request<'_> {
    mdm_agent_protocol::signature::Request {
        method: "POST",
        path: SYNC_PATH,
        body,
    }
}

/// The keys of a host that a test starts.
pub(crate) fn host_keys() -> HostKeys {
    HostKeys::new(Zeroizing::new([7; 32])).unwrap()
}

pub(crate) fn reference() -> Plugin {
    Runtime::new(small())
        .unwrap()
        .load(REFERENCE, None)
        .unwrap()
}

/// Many hosts run in one process here: each reserves address space for few instances.
pub(crate) fn small() -> Limits {
    Limits {
        instances: 4,
        ..Limits::default()
    }
}

async fn server(folder: &Path, settings: ServerSettings, plugin: Plugin) -> Arc<Server> {
    let store = database::open(folder).await;
    let plugins = PluginOptions {
        // Many tests are about plugins that would not pass.
        checked_at_start: false,
        ..PluginOptions::from(plugin)
    };
    let plugins = ChosenPlugins::open(Arc::clone(&store), plugins)
        .await
        .unwrap();
    wired(store, plugins, settings).unwrap()
}

/// A server of these parts.
pub(crate) fn wired(
    store: Arc<dyn Store>,
    plugins: ChosenPlugins,
    settings: ServerSettings,
) -> Result<Arc<Server>, ServerError> {
    let metrics = Arc::<Metrics>::default();
    let supervisor = Arc::new(Supervisor::new(metrics.tasks.clone()));
    let server = Server::new(store, plugins, host_keys(), metrics, supervisor, settings)?;
    Ok(Arc::new(server))
}

/// The defaults, with this password rule.
pub(crate) fn of_rule(password_rule: PasswordRule) -> ServerSettings {
    ServerSettings {
        password_rule,
        ..ServerSettings::default()
    }
}

pub(crate) fn password(text: &str) -> Password {
    Password::new(Zeroizing::new(text.to_owned()))
}

#[track_caller]
pub(crate) fn refusal<T: std::fmt::Debug>(answer: Result<T, ServerError>) -> Refusal {
    match answer.unwrap_err() {
        ServerError::Refused(refusal) => refusal,
        other => panic!("not refused, but: {other}"),
    }
}

/// Returns `true` if this text is anywhere in the files of the store of a folder.
pub(crate) fn is_stored(folder: &Path, text: &str) -> bool {
    is_in(&database::files(folder), text)
}

/// Returns `true` if this text is in a file, or anywhere in a folder.
pub(crate) fn is_in(path: &Path, text: &str) -> bool {
    if path.is_dir() {
        let mut entries = std::fs::read_dir(path).unwrap();
        return entries.any(|entry| is_in(&entry.unwrap().path(), text));
    }
    // A file may go while it is looked for.
    let bytes = std::fs::read(path).unwrap_or_default();
    memchr::memmem::find(&bytes, text.as_bytes()).is_some()
}
