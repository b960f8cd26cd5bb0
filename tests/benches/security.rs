//! Bench of security: each protection against the same work without it, in turns, in one run. The host works in
//! this process, over a store on disk, without HTTP: that would cost both the same, and make the ratios look
//! better. What the agents sign, they sign in this process, too. `cargo xtask bench` runs it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use mdm_agent_protocol::{
    answer::{Answer, ResponseKind},
    sealing::{Binding, Payload, PrivateKey, Sealed},
    signature::{AGENT, Headers, Request, Signed, Stamp},
    signing_key::SigningKey,
    sync::{DeviceInfo, EnrollRequest, Report, SYNC_PATH, SyncRequest},
};
use mdm_contract::{Command, CommandId, Deployment, DeviceOutcome, Situation, time};
use mdm_password_component::REFERENCE;
use mdm_password_host::{CallContext, CallOutcome, Limits, Plugin, Runtime, password::Password};
use mdm_server_core::{
    access::Caller,
    agents::AuthenticatedAgent,
    audit::AuditEntry,
    change::Change,
    keys::HostKeys,
    plugins::{ChosenPlugins, PluginOptions},
    server::{Server, ServerSettings},
    store::{Commit, Store},
    token,
};
use mdm_server_sqlite::SqliteStore;
use mdm_tests::device_info::owner;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use zeroize::Zeroizing;

/// Devices that are busy at one time.
const DEVICES: usize = 64;
/// The number of measurements, with and without in turns.
const ROUNDS: usize = 9;

fn main() {
    // Cargo asks every bench for its tests, and this one has none.
    if std::env::args().any(|argument| argument == "--list" || argument == "--test") {
        return;
    }
    let threads = tokio::runtime::Runtime::new().expect("a runtime");
    threads.block_on(async {
        println!(
            "\n{DEVICES} devices at a time; medians of {ROUNDS} rounds, with and without in turns"
        );
        println!("| what | without | with | ratio |\n| --- | --- | --- | --- |");
        let host = Arc::new(Host::new().await);
        compare("a sync with nothing to do: signed", &host, sync).await;
        compare("a reset, decided and durable: sealed", &host, reset).await;
        limits(&host);
        compare("the whole chain: reset, sync, report", &host, chain).await;
    });
}

/// A host twice over: as it is, and one whose plugin has no limits.
struct Host {
    server: Arc<Server>,
    store: Arc<dyn Store>,
    limited: Arc<Plugin>,
    unlimited: Arc<Plugin>,
    agents: Vec<Arc<Agent>>,
    _folder: TempDir,
}

struct Agent {
    device: String,
    signing_key: SigningKey,
    device_info: DeviceInfo,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Security {
    Off,
    On,
}

impl Host {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let store: Arc<dyn Store> =
            Arc::new(SqliteStore::open(&folder.path().join("mdm.db")).unwrap());
        let load = |runtime: Runtime| runtime.load(REFERENCE, None).unwrap();
        let limits = Limits {
            instances: 2 * DEVICES as u32,
            ..Limits::default()
        };
        let limited = Arc::new(load(Runtime::new(limits).unwrap()));
        let unlimited = Arc::new(load(Runtime::unlimited(limits.instances).unwrap()));
        let settings = PluginOptions::from(load(Runtime::new(Limits::default()).unwrap()));
        let plugins = ChosenPlugins::open(Arc::clone(&store), settings)
            .await
            .unwrap();
        let keys = HostKeys::new(Zeroizing::new([7; 32])).unwrap();
        let (metrics, supervisor) = (Arc::default(), Arc::default());
        let settings = ServerSettings::default();
        let opened = Arc::clone(&store);
        let server = Server::new(opened, plugins, keys, metrics, supervisor, settings).unwrap();
        let server = Arc::new(server);
        let mut agents = Vec::new();
        for _ in 0..DEVICES {
            agents.push(Arc::new(Agent::enroll(&server).await));
        }
        Self {
            server,
            store,
            limited,
            unlimited,
            agents,
            _folder: folder,
        }
    }
}

impl Agent {
    async fn enroll(server: &Server) -> Self {
        let made = server
            .devices
            .add_enrollment_token(&Caller::host(), Vec::new(), 60)
            .await
            .unwrap();
        let (_, public_key) = PrivateKey::generate();
        let signing_key = SigningKey::generate().unwrap();
        let told = owner();
        let request = EnrollRequest {
            name: "phone".into(),
            public_key,
            signing_key: signing_key.verifying_key().clone(),
            device_info: told.clone(),
        };
        let token = token::digest(&made.token);
        let device = server.agents.enroll(token, request).await.unwrap().device;
        Self {
            device,
            signing_key,
            device_info: told,
        }
    }

    fn body(&self, reports: Vec<Report>) -> Vec<u8> {
        let request = SyncRequest {
            device_info: self.device_info.clone(),
            reports,
            holding: Vec::new(),
            policy: None,
            wait_seconds: 0,
            witness: None,
        };
        serde_json::to_vec(&request).unwrap()
    }

    fn sign(&self, body: &[u8]) -> Headers {
        let stamp = Stamp {
            device: &self.device,
            created: time::now() / 1000 + 1,
            nonce: &uuid::Uuid::now_v7().to_string(),
        };
        signed(body)
            .sign(stamp, &[(AGENT, &self.signing_key)])
            .unwrap()
    }
}

fn signed(body: &[u8]) -> Request<'_> {
    Request {
        method: "POST",
        path: SYNC_PATH,
        body,
    }
}

/// A sync, from the agent's signature to the host's. Without security, nothing is signed.
async fn answer(host: &Host, security: Security, agent: &Agent, reports: Vec<Report>) {
    let body = agent.body(reports);
    let headers = (security == Security::On).then(|| agent.sign(&body));
    let caller = match &headers {
        None => AuthenticatedAgent {
            device: agent.device.clone(),
            key: agent.signing_key.verifying_key().clone(),
        },
        Some(headers) => {
            let request = signed(&body);
            let known = host.server.agents.authenticate(&request, headers).await;
            known.unwrap()
        }
    };
    let request = serde_json::from_slice(&body).unwrap();
    let response = host.server.agents.sync(&caller, request).await.unwrap();
    let bytes = serde_json::to_vec(&response).unwrap();
    if let Some(headers) = &headers {
        let request = Signed::of_request(headers, AGENT).unwrap().signature;
        let answer = Answer {
            kind: ResponseKind::Synced,
            status: 200,
            body: &bytes,
            label: AGENT,
            request: &request,
        };
        let key = host.server.agents.keys().signing_key();
        answer.sign(time::now() / 1000, key).unwrap();
    }
}

async fn sync(host: Arc<Host>, agent: Arc<Agent>, security: Security) {
    answer(&host, security, &agent, Vec::new()).await;
}

/// A reset as the server makes it, of the same parts, with the password sealed or not.
async fn send(
    host: &Arc<Host>,
    agent: &Agent,
    sealing: Security,
    plugin: &Arc<Plugin>,
) -> CommandId {
    let snapshot = host.store.snapshot(&agent.device).await.unwrap().unwrap();
    let password = Password::new(Zeroizing::new("1234".into()));
    let at = time::now();
    let situation = Situation {
        device: snapshot.device.clone(),
        pending: snapshot.pending.clone(),
        latest: snapshot.latest.clone(),
        deployment: Deployment::default(),
        capabilities: snapshot.capabilities,
        online: true,
        now: at,
        password: None,
    };
    let context = CallContext::new(situation, None, Some(password.clone()));
    let request = mdm_contract::Request {
        replaces: snapshot.pending.map(|pending| pending.id),
        ..mdm_contract::Request::default()
    };
    let plugin = Arc::clone(plugin);
    let call = move || {
        let mut instance = plugin.instance().unwrap();
        instance.reset(context, &request).unwrap()
    };
    let outcome = tokio::task::spawn_blocking(call).await.unwrap();
    let CallOutcome::Accepted {
        returned: command,
        effects,
    } = outcome
    else {
        panic!("it was refused");
    };
    let seal = |command: &Command| match sealing {
        Security::Off => Ok(Sealed {
            key: vec![0; 65],
            ciphertext: b"1234".to_vec(),
        }),
        Security::On => {
            let payload = Payload {
                token_key: host.server.agents.keys().token_key(&agent.device),
                password: Zeroizing::new(password.expose().as_bytes().to_vec()),
            };
            let binding = Binding::of(&agent.device, command);
            payload.seal(&snapshot.public_key, &binding)
        }
    };
    let changes = effects.into_iter().map(|effect| Change::of(effect, seal));
    let changes = changes.collect::<Result<_, _>>().unwrap();
    let audit = AuditEntry {
        device: Some(agent.device.clone()),
        command: Some(command.clone()),
        ..AuditEntry::new(at, &Caller::host(), "reset")
    };
    let commit = Commit {
        device: agent.device.clone(),
        version: snapshot.version,
        at,
        changes,
        audit: Some(audit.into()),
        bulk: None,
    };
    host.store.commit(commit).await.unwrap();
    command
}

async fn reset(host: Arc<Host>, agent: Arc<Agent>, security: Security) {
    send(&host, &agent, security, &host.limited).await;
}

/// A fresh instance for each call, on one thread.
fn limits(host: &Host) {
    let call = |plugin: &Plugin| {
        let start = Instant::now();
        for _ in 0..2000 {
            plugin.instance().unwrap();
        }
        start.elapsed() / 2000
    };
    let (mut off, mut on) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        off.push(call(&host.unlimited));
        on.push(call(&host.limited));
    }
    print_row("an instance for a call: with limits", &mut off, &mut on);
}

/// A command from the admin's request to its outcome. Without security, the plugin has no limits, the password is
/// not sealed, and nothing is signed.
async fn chain(host: Arc<Host>, agent: Arc<Agent>, security: Security) {
    let plugin = match security {
        Security::Off => &host.unlimited,
        Security::On => &host.limited,
    };
    let command = send(&host, &agent, security, plugin).await;
    answer(&host, security, &agent, Vec::new()).await;
    let report = Report {
        command,
        outcome: DeviceOutcome::Success,
    };
    answer(&host, security, &agent, vec![report]).await;
}

/// All devices at once, each some times over: the time that one takes in the throughput of all.
async fn compare<F: Future<Output = ()> + Send + 'static>(
    what: &str,
    host: &Arc<Host>,
    work: fn(Arc<Host>, Arc<Agent>, Security) -> F,
) {
    let round = async |security| {
        let start = Instant::now();
        let busy: Vec<_> = host
            .agents
            .iter()
            .map(|agent| {
                let (host, agent) = (Arc::clone(host), Arc::clone(agent));
                tokio::spawn(async move {
                    for _ in 0..4 {
                        work(Arc::clone(&host), Arc::clone(&agent), security).await;
                    }
                })
            })
            .collect();
        for device in busy {
            device.await.unwrap();
        }
        start.elapsed() / (4 * DEVICES as u32)
    };
    let (mut off, mut on) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        off.push(round(Security::Off).await);
        on.push(round(Security::On).await);
    }
    print_row(what, &mut off, &mut on);
}

fn print_row(what: &str, off: &mut [Duration], on: &mut [Duration]) {
    off.sort_unstable();
    on.sort_unstable();
    let micros = |times: &[Duration]| times[times.len() / 2].as_secs_f64() * 1e6;
    let (off, on) = (micros(off), micros(on));
    println!("| {what} | {off:.1} µs | {on:.1} µs | {:.2}× |", on / off);
}
