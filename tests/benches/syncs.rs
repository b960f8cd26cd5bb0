//! Bench of syncs: a sync with nothing to do, against a bare axum handler that reads one row of the same database; and
//! a sync and a reset with a million devices, against a thousand. In turns, in one run. `cargo xtask bench` runs it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use axum::{Json, Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use mdm_agent_protocol::{
    answer::{Answer, ResponseKind},
    signature::{AGENT, CONTENT_DIGEST, Headers, Request, SIGNATURE, SIGNATURE_INPUT, Signed},
    signing_key::{SigningKey, VerifyingKey},
    sync::{SYNC_PATH, SyncRequest, SyncResponse},
};
use mdm_contract::time;
use mdm_tests::{
    load::{
        agent::success,
        connection::{Call, Connection, send_all},
        database::Database,
        fleet::{Fleet, reset},
        mix,
    },
    processor,
};
use rusqlite::{Connection as Sqlite, OpenFlags, OptionalExtension as _};
use serde_json::{Value, json};
use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::{net::TcpListener, task::JoinSet};

const ROUNDS: usize = 7;
const CLIENTS: usize = 16;
const SYNCS: usize = 4000;

/// The number of chains of reset, sync and report of each device in a round.
const CHAINS: usize = 600;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    // Cargo asks every bench for its tests, and this one has none.
    if arguments.iter().any(|it| it == "--list" || it == "--test") {
        return;
    }
    let threads = tokio::runtime::Runtime::new().expect("a runtime");
    threads.block_on(async {
        match arguments.get(1).map(String::as_str) {
            Some("bare") => bare(arguments[2].as_ref()).await,
            _ => {
                beside_bare().await;
                by_size().await;
            }
        }
    });
}

async fn fleet(devices: usize) -> Fleet {
    let env = mix::env(&[]).unwrap();
    let database = Database::Sqlite(env.folder().join("data/mdm.db"));
    Fleet::new(env, database, devices).await.unwrap()
}

/// A bare server of axum: it reads one row of SQLite, as directly as one can.
struct Bare {
    readers: Mutex<Vec<Sqlite>>,
    database: String,
    key: SigningKey,
}

impl Bare {
    fn read<T>(
        &self,
        column: &str,
        device: &str,
        read: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Option<T> {
        let idle = self.readers.lock().unwrap().pop();
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let reader =
            idle.unwrap_or_else(|| Sqlite::open_with_flags(&self.database, flags).unwrap());
        let sql = format!("select {column} from devices where id = ?");
        let row = reader
            .prepare_cached(&sql)
            .unwrap()
            .query_row([device], read)
            .optional();
        self.readers.lock().unwrap().push(reader);
        row.unwrap()
    }
}

async fn bare(database: &Path) {
    let bare = Arc::new(Bare {
        readers: Mutex::default(),
        database: database.to_str().unwrap().to_owned(),
        key: SigningKey::generate().unwrap(),
    });
    let router = Router::new()
        .route("/row/{device}", post(row))
        .route("/signed/{device}", post(signed_row))
        .with_state(bare);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    axum::serve(listener, router).await.unwrap();
}

type Device = axum::extract::Path<String>;

async fn row(State(bare): State<Arc<Bare>>, device: Device, _: Bytes) -> Json<Value> {
    let version = bare.read("version", &device, |row| row.get::<_, i64>(0));
    Json(json!({ "version": version }))
}

/// The same with the necessary work of a sync: it verifies the signature, parses the JSON, and signs the response.
async fn signed_row(
    State(bare): State<Arc<Bare>>,
    device: Device,
    headers: HeaderMap,
    body: Bytes,
) -> (HeaderMap, Vec<u8>) {
    let header = |name| headers[name].to_str().unwrap().to_owned();
    let of_call = Headers {
        content_digest: header(CONTENT_DIGEST),
        signature_input: header(SIGNATURE_INPUT),
        signature: header(SIGNATURE),
    };
    let key: Vec<u8> = bare.read("signing_key", &device, |row| row.get(0)).unwrap();
    let key = VerifyingKey::from_bytes(&key).unwrap();
    let request = Request {
        method: "POST",
        path: SYNC_PATH,
        body: &body,
    };
    let signed = Signed::of_request(&of_call, AGENT).unwrap();
    signed.verify(&request, &of_call, &key).unwrap();
    serde_json::from_slice::<SyncRequest>(&body).unwrap();
    let body = serde_json::to_vec(&SyncResponse {
        wake_up: None,
        witness: None,
        commands: Vec::new(),
        withdrawn: Vec::new(),
        policy: None,
    });
    let body = body.unwrap();
    let answer = Answer {
        kind: ResponseKind::Synced,
        status: 200,
        body: &body,
        label: AGENT,
        request: &signed.signature,
    };
    let signed = answer.sign(time::now() / 1000, &bare.key).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_DIGEST, signed.content_digest.parse().unwrap());
    headers.insert(SIGNATURE_INPUT, signed.signature_input.parse().unwrap());
    headers.insert(SIGNATURE, signed.signature.parse().unwrap());
    (headers, body)
}

/// The bare server in a process of its own, which ends with this.
struct BareProcess {
    process: Child,
    address: SocketAddr,
}

impl BareProcess {
    fn start(database: &Path) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .arg("bare")
            .arg(database)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let output = process.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        Self {
            process,
            address: line.trim().parse().unwrap(),
        }
    }
}

impl Drop for BareProcess {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn beside_bare() {
    let fleet = fleet(10_000).await;
    let bare = BareProcess::start(&fleet.env.folder().join("data/mdm.db"));
    let host = fleet.env.host_process().unwrap();
    let mut all = [const { Vec::new() }; 3];
    let mut used = [Duration::ZERO; 3];
    for round in 0..=ROUNDS {
        let servers = [
            (fleet.env.address(), host, ""),
            (bare.address, bare.process.id(), "/row/"),
            (bare.address, bare.process.id(), "/signed/"),
        ];
        for (at, (address, process, path)) in servers.into_iter().enumerate() {
            let calls =
                (0..SYNCS).map(|number| sync_at(&fleet, number % fleet.devices() + 1, path));
            let calls = calls.collect();
            let before = processor::used(process).unwrap();
            let time = time_of(address, calls).await;
            if round > 0 {
                all[at].push(time);
                used[at] += processor::used(process).unwrap() - before;
            }
        }
    }
    println!(
        "\n{CLIENTS} clients, {ROUNDS} rounds of {SYNCS} calls\n| what | a second | processor of the server, each |\n| --- | --- | --- |"
    );
    let mut rates = Vec::new();
    for ((what, mut times), used) in [
        "a sync with nothing to do",
        "bare: one row",
        "bare: one row, signature verified, answer signed",
    ]
    .into_iter()
    .zip(all)
    .zip(used)
    {
        let rate = SYNCS as f64 / median(&mut times).as_secs_f64();
        let each = used.as_secs_f64() * 1e6 / (SYNCS * ROUNDS) as f64;
        println!("| {what} | {rate:.0} | {each:.0} µs |");
        rates.push(rate);
    }
    println!(
        "a sync is {:.2}× of bare, and {:.2}× of bare with signatures",
        rates[0] / rates[1],
        rates[0] / rates[2]
    );
}

/// A sync with nothing to do, as it is signed for the host, sent to another path.
fn sync_at(fleet: &Fleet, number: usize, path: &str) -> Call {
    let agent = fleet.agent(number);
    let mut call = agent.call(Vec::new(), 0).unwrap();
    if !path.is_empty() {
        *call.uri_mut() = format!("{path}{}", agent.device()).parse().unwrap();
    }
    call
}

async fn time_of(address: SocketAddr, calls: Vec<Call>) -> Duration {
    let mut connections = Vec::new();
    for _ in 0..CLIENTS {
        connections.push(Connection::open(address).await.unwrap());
    }
    let started = Instant::now();
    send_all(connections, calls).await.unwrap();
    started.elapsed()
}

/// The same on a small fleet and on a large one.
async fn by_size() {
    let (small, large) = (fleet(1000).await, fleet(1_000_000).await);
    println!(
        "\n8 clients: the median of {ROUNDS} rounds of {CHAINS}\n| what | 1,000 devices | 1,000,000 | ratio |\n| --- | --- | --- | --- |"
    );
    let mut times = [const { [const { Vec::new() }; 4] }; 2];
    for round in 0..=ROUNDS {
        for (times, fleet) in times.iter_mut().zip([&small, &large]) {
            let measured = chains(fleet, round).await;
            if round > 0 {
                for (all, time) in times.iter_mut().zip(measured) {
                    all.push(time);
                }
            }
        }
    }
    let [mut small, mut large] = times;
    for (at, what) in [
        "a reset",
        "a sync that fetches it",
        "a sync that reports",
        "a sync with nothing to do",
    ]
    .into_iter()
    .enumerate()
    {
        let micros = |times: &mut Vec<Duration>| median(times).as_secs_f64() * 1e6;
        let (small, large) = (micros(&mut small[at]), micros(&mut large[at]));
        println!(
            "| {what} | {small:.0} µs | {large:.0} µs | {:.2}× |",
            large / small
        );
    }
}

/// Devices all over the fleet are reset, fetch it, report, and sync once more: the median time of each.
async fn chains(fleet: &Fleet, round: usize) -> [Duration; 4] {
    let admin = Arc::new(fleet.env.token().unwrap());
    let all = Arc::new(Mutex::new([const { Vec::new() }; 4]));
    let mut clients = JoinSet::new();
    for client in 0..8 {
        let own = (client..CHAINS).step_by(8);
        // A prime, so that no two are near each other, and none is taken twice in a round.
        let number = |it: usize| (round * CHAINS + it) * 7919 % fleet.devices() + 1;
        let agents: Vec<_> = own.map(|it| fleet.agent(number(it))).collect();
        let mut connection = Connection::open(fleet.env.address()).await.unwrap();
        let (admin, all) = (Arc::clone(&admin), Arc::clone(&all));
        clients.spawn(async move {
            for agent in agents {
                let mut times = [Duration::ZERO; 4];
                // Device info is stored at intervals, outside the measured part.
                agent.sync(&mut connection, Vec::new(), 0).await.unwrap();
                let started = Instant::now();
                let call = reset(agent.device(), &admin).unwrap();
                connection
                    .send(call)
                    .await
                    .unwrap()
                    .json::<Value>()
                    .unwrap();
                times[0] = started.elapsed();
                let started = Instant::now();
                let commands = agent.sync(&mut connection, Vec::new(), 0).await.unwrap();
                times[1] = started.elapsed();
                let started = Instant::now();
                let reports = commands.iter().map(success).collect();
                agent.sync(&mut connection, reports, 0).await.unwrap();
                times[2] = started.elapsed();
                let started = Instant::now();
                agent.sync(&mut connection, Vec::new(), 0).await.unwrap();
                times[3] = started.elapsed();
                for (all, time) in all.lock().unwrap().iter_mut().zip(times) {
                    all.push(time);
                }
            }
        });
    }
    clients.join_all().await;
    let mut all = all.lock().unwrap();
    std::array::from_fn(|at| median(&mut all[at]))
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
