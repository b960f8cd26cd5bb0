//! Bench of a large fleet: pages and API requests on a server with 100,000 devices, against a bare server that returns
//! the same bytes; and the time for a change to reach 1,000 open pages. `cargo xtask bench` runs it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use axum::{Router, body::Bytes, http::header};
use mdm_agent_protocol::sealing::PrivateKey;
use mdm_server_core::token;
use mdm_tests::{
    device_info,
    test_environment::{TestEnvironment, http_client},
};
use reqwest::{Client, Method, Request, StatusCode};
use rusqlite::{Connection, params};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinSet,
};

const DEVICES: usize = 100_000;
/// Requests at one time.
const CONCURRENCY: usize = 8;
/// The number of measurements of the server and of the bare server, in turns, and the requests of each.
const ROUNDS: usize = 5;
const REQUESTS: usize = 400;

const PAGES: usize = 1_000;
const CHANGES: usize = 10;

const SESSION: &str = "session-of-the-bench";

fn main() {
    // Cargo asks every bench for its tests, and this one has none.
    if std::env::args().any(|argument| argument == "--list" || argument == "--test") {
        return;
    }
    let env = TestEnvironment::with(&["--rate-per-address", "1000000"], "warn").expect("a host");
    let start = Instant::now();
    fill(&env).expect("devices");
    println!(
        "\n{DEVICES} devices, made in {:.1} s",
        start.elapsed().as_secs_f64()
    );
    let threads = tokio::runtime::Runtime::new().expect("a runtime");
    threads.block_on(async {
        println!(
            "{CONCURRENCY} requests at a time, {ROUNDS} rounds of {REQUESTS}, the host and a bare server in turns"
        );
        println!(
            "| what | bytes | p50 | p99 | a second | bare p50 | bare p99 | bare a second | p50 to bare |\n\
             | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
        );
        let caller = Caller::new(&env);
        for (what, path) in [
            ("page: the list", "/devices"),
            ("page: the list, in the middle", "/devices?after=device-050000"),
            ("page: the list of those that failed", "/devices?status=failed"),
            ("page: the list of a group", "/devices?group=group-7"),
            ("page: a search that finds nothing", "/devices?search=nobody"),
            ("page: a device", "/devices/device-000003"),
            ("API: 100 devices", "/api/v1/devices"),
            ("API: the summary", "/api/v1/summary"),
            ("API: a device", "/api/v1/devices/device-000003"),
        ] {
            compare(what, &caller, |caller, _| caller.get(path)).await;
        }
        compare("API: a reset, durable", &caller, |caller, number| caller.reset(number)).await;
        live(&caller, &env).await;
    });
}

/// The devices, as enrolled and used for a while, straight into the database.
fn fill(env: &TestEnvironment) -> rusqlite::Result<()> {
    let mut connection = Connection::open(env.folder().join("data/mdm.db"))?;
    let transaction = connection.transaction()?;
    let key = PrivateKey::generate().1.to_bytes();
    let condition = serde_json::to_string(&device_info::owner().condition).expect("JSON");
    let options = "[]";
    let capabilities = serde_json::to_string(&device_info::owner().capabilities).expect("JSON");
    let now = mdm_contract::time::now();
    for number in 0..DEVICES {
        let (id, name) = (device(number), format!("Phone {number} of sales"));
        // Every third device never had a command; of the others, few are pending and few have failed.
        let (word, status) = match number {
            _ if number % 3 == 0 => ("none", ""),
            _ if number % 50 == 1 => ("pending", r#""pending""#),
            _ if number % 50 == 2 => ("failed", r#"{"failed":{"device":"token-not-active"}}"#),
            _ => ("success", r#""success""#),
        };
        let command = (word != "none").then(|| format!("command of {id}"));
        let overridden_by = command.as_ref().filter(|_| word == "success");
        transaction
            .prepare_cached(
                "insert into devices (id, name, public_key, signing_key, api_level, agent_version, management_mode, \
                 managed_profile, ownership, capabilities, condition, policy_override_command, policy_override_since, enrolled_at, \
                 last_sync, version, search_text, latest_command, status) \
                 values (?, ?, ?, ?, 34, '6.9.0', 'device-owner', false, 'company', ?, ?, ?, ?, ?, ?, 0, ?, ?, ?)",
            )?
            .execute(params![
                id,
                name,
                key,
                key,
                capabilities,
                condition,
                overridden_by,
                overridden_by.map(|_| now),
                now,
                now - 60_000 * number as u64,
                format!("{name}\n{id}").to_lowercase(),
                command,
                word
            ])?;
        for group in [format!("group-{}", number % 100), "everybody".to_owned()] {
            transaction
                .prepare_cached("insert into device_groups (device, name) values (?, ?)")?
                .execute(params![id, group])?;
        }
        let Some(command) = command else { continue };
        let is_pending = word == "pending";
        transaction
            .prepare_cached(
                "insert into commands (id, device, action, options, status, is_pending, requested_at, \
                 completed_at) values (?, ?, 'reset', ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                command,
                id,
                options,
                status,
                is_pending,
                now,
                (!is_pending).then_some(now)
            ])?;
        if is_pending {
            transaction
                .prepare_cached("insert into outbox (command, device, wake_at) values (?, ?, 0)")?
                .execute(params![command, id])?;
        }
    }
    transaction.execute(
        "insert into sessions (token, user_name, created_at, last_used_at) values (?, 'admin', ?2, ?2)",
        params![token::digest(SESSION), now],
    )?;
    transaction.commit()
}

fn device(number: usize) -> String {
    format!("device-{number:06}")
}

/// The credentials of an admin on the pages and of a program.
#[derive(Clone)]
struct Caller {
    http: Client,
    host: String,
    token: String,
}

impl Caller {
    fn new(env: &TestEnvironment) -> Self {
        Self {
            http: http_client(),
            host: env.url(),
            token: env.token().unwrap(),
        }
    }

    fn get(&self, path: &str) -> Request {
        let request = self.http.get(format!("{}{path}", self.host));
        let request = request.header(header::COOKIE, format!("mdm-session={SESSION}"));
        request.bearer_auth(&self.token).build().unwrap()
    }

    /// A reset of a device that never had one: each number is another.
    fn reset(&self, number: usize) -> Request {
        let device = device(3 * number);
        let url = format!("{}/api/v1/devices/{device}/password/reset", self.host);
        let body = r#"{"password":"7394"}"#;
        let request = self.http.post(url).bearer_auth(&self.token);
        let request = request.header(header::CONTENT_TYPE, "application/json");
        request.body(body).build().unwrap()
    }

    async fn ask(&self, request: Request) -> (StatusCode, Bytes) {
        let response = self.http.execute(request).await.unwrap();
        (response.status(), response.bytes().await.unwrap())
    }
}

/// The same requests to the host and to a server that does nothing but answer with the same bytes.
async fn compare(what: &str, caller: &Caller, request: impl Fn(&Caller, usize) -> Request) {
    // The first is asked for apart: so the host is warm, and it is known what to answer.
    let (status, answer) = caller.ask(request(caller, DEVICES / 3 - 1)).await;
    assert!(status.is_success(), "{what}: {status}");
    let bytes = answer.len();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let bare = Router::new().fallback(move |_: Bytes| {
        let answer = answer.clone();
        async move { (status, answer) }
    });
    let server = tokio::spawn(async move { axum::serve(listener, bare).await });
    let bare = Caller {
        host: format!("http://{address}"),
        ..caller.clone()
    };
    let (mut theirs, mut ours) = (Times::default(), Times::default());
    for round in 0..ROUNDS {
        for (times, caller) in [(&mut theirs, &bare), (&mut ours, caller)] {
            let first = round * REQUESTS;
            let requests = (first..first + REQUESTS).map(|number| request(caller, number));
            times.add(caller, requests.collect(), status).await;
        }
    }
    server.abort();
    let [p50, p99, rate] = ours.figures();
    let [bare_p50, bare_p99, bare_rate] = theirs.figures();
    println!(
        "| {what} | {bytes} | {p50:.2} ms | {p99:.2} ms | {rate:.0} | {bare_p50:.2} ms | {bare_p99:.2} ms | \
         {bare_rate:.0} | {:.1}× |",
        p50 / bare_p50
    );
}

/// The durations of requests.
#[derive(Default)]
struct Times {
    each: Vec<Duration>,
    all: Duration,
}

impl Times {
    async fn add(&mut self, caller: &Caller, requests: Vec<Request>, expected: StatusCode) {
        let waiting = Arc::new(std::sync::Mutex::new(requests));
        let start = Instant::now();
        let mut callers = JoinSet::new();
        for _ in 0..CONCURRENCY {
            let (caller, waiting) = (caller.clone(), Arc::clone(&waiting));
            callers.spawn(async move {
                let mut times = Vec::new();
                loop {
                    let Some(request) = waiting.lock().unwrap().pop() else {
                        return times;
                    };
                    let start = Instant::now();
                    let (status, _) = caller.ask(request).await;
                    times.push(start.elapsed());
                    assert_eq!(status, expected);
                }
            });
        }
        for times in callers.join_all().await {
            self.each.extend(times);
        }
        self.all += start.elapsed();
    }

    /// p50 and p99 in milliseconds, and how many a second.
    fn figures(mut self) -> [f64; 3] {
        self.each.sort_unstable();
        let at = |percent: usize| self.each[self.each.len() * percent / 100].as_secs_f64() * 1e3;
        let rate = self.each.len() as f64 / self.all.as_secs_f64();
        [at(50), at(99), rate]
    }
}

/// The events that open pages received.
#[derive(Default)]
struct Heard {
    events: AtomicUsize,
    more: Notify,
}

/// Opens the list on many screens, and changes a device now and then.
async fn live(caller: &Caller, env: &TestEnvironment) {
    let heard = Arc::new(Heard::default());
    let mut pages = JoinSet::new();
    for _ in 0..PAGES {
        let address = env.url().replace("http://", "");
        pages.spawn(listen(address, Arc::clone(&heard)));
    }
    // Each page hears the state of things at once.
    wait_for(&heard, PAGES).await;
    let mut times = Vec::new();
    for change in 0..CHANGES {
        // A page of the whole fleet hears something once a second at most.
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let number = ROUNDS * REQUESTS + change;
        let start = Instant::now();
        let (status, _) = caller.ask(caller.reset(number)).await;
        assert_eq!(status, StatusCode::CREATED);
        wait_for(&heard, PAGES * (change + 2)).await;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    println!(
        "\n{PAGES} open pages: from a reset’s request until all have heard, {:.1} ms (median), {:.1} ms at most",
        milliseconds(times[CHANGES / 2]),
        milliseconds(times[CHANGES - 1])
    );
    pages.shutdown().await;
}

async fn listen(address: String, heard: Arc<Heard>) {
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let request = format!(
        "{} /live HTTP/1.1\r\nhost: {address}\r\ncookie: mdm-session={SESSION}\r\n\r\n",
        Method::GET
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).await.unwrap();
        assert!(read > 0, "the host ended a stream");
        let events = buffer[..read]
            .windows(5)
            .filter(|it| it == b"data:")
            .count();
        heard.events.fetch_add(events, Ordering::SeqCst);
        heard.more.notify_one();
    }
}

async fn wait_for(heard: &Heard, events: usize) {
    while heard.events.load(Ordering::SeqCst) < events {
        heard.more.notified().await;
    }
}
