//! Bench of durable resets on SQLite: in a bulk, against raw SQLite that writes the same rows; and one by one over
//! HTTP, against a server with one commit per request, also on a slow disk. Both sides take turns in one run. `cargo
//! xtask bench` runs it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use hyper::Method;
use mdm_tests::load::{
    connection::{Connection, by_admin, send_all},
    database::{Database, GROUP},
    fleet::{Fleet, reset},
    mix,
};
use rusqlite::{Connection as Sqlite, TransactionBehavior, params_from_iter, types::Value};
use serde_json::{Value as Json, json};
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

const ROUNDS: usize = 5;

/// The number of devices that a bulk decides on at one time, and so the most that share its commits.
const BATCH: usize = 128;

/// The number of clients, and of resets by each in a round.
const CLIENTS: usize = 64;
const RESETS: usize = 2000;

fn main() {
    // Cargo asks every bench for its tests, and this one has none.
    if std::env::args().any(|argument| argument == "--list" || argument == "--test") {
        return;
    }
    let is_slow = std::env::args().any(|argument| argument == "slow");
    let threads = tokio::runtime::Runtime::new().expect("a runtime");
    threads.block_on(async {
        if !is_slow {
            bulk().await;
        }
        one_by_one(if is_slow { RESETS / 4 } else { RESETS }).await;
    });
    if !is_slow {
        on_a_slow_disk();
    }
}

/// One by one again, where each sync of the disk takes 5 ms more.
fn on_a_slow_disk() {
    let folder = tempfile::TempDir::new().unwrap();
    let library = folder.path().join("slow_disk.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/slow_disk.c");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([&library, &source])
        .status();
    assert!(built.unwrap().success(), "cc");
    println!("the same where each sync of the disk takes 5 ms more:");
    let bench = Command::new(std::env::current_exe().unwrap())
        .arg("slow")
        .env("LD_PRELOAD", library)
        .status();
    assert!(bench.unwrap().success());
}

async fn fleet(devices: usize, more: &[&str]) -> Fleet {
    let env = mix::env(more).unwrap();
    let database = Database::Sqlite(file(env.folder()));
    Fleet::new(env, database, devices).await.unwrap()
}

fn file(folder: &Path) -> PathBuf {
    folder.join("data/mdm.db")
}

/// Each round runs a bulk for another group. Then raw SQLite writes the bulk's rows into a copy of the database from
/// before the bulk.
async fn bulk() {
    let fleet = fleet(GROUP * (ROUNDS + 1), &[]).await;
    let host = Sqlite::open(file(fleet.env.folder())).unwrap();
    let copy = fleet.env.folder().join("raw.db");
    host.execute("vacuum into ?", [copy.to_str().unwrap()])
        .unwrap();
    let mut raw = Raw::open(&copy);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let group = Fleet::group(round * GROUP + 1);
        let (id, time) = run_bulk(&fleet, &group).await;
        let rows = Rows::of(&host, &id);
        assert_eq!(rows.commands.len(), GROUP);
        let raw_time = raw.write(&host, &rows);
        // The first one warms both up.
        if round > 0 {
            ours.push(time);
            theirs.push(raw_time);
        }
    }
    let rate = |times: &mut Vec<Duration>| GROUP as f64 / median(times).as_secs_f64();
    let (ours, theirs) = (rate(&mut ours), rate(&mut theirs));
    println!(
        "\nbulks of {GROUP} devices: {ours:.0} durable resets a second; raw SQLite with the same rows, {BATCH} devices a \
         commit: {theirs:.0}; {:.2}×",
        ours / theirs
    );
}

async fn run_bulk(fleet: &Fleet, group: &str) -> (String, Duration) {
    let admin = fleet.env.token().unwrap();
    let mut connection = Connection::open(fleet.env.address()).await.unwrap();
    let body = json!({"action": "reset", "group": group, "password": "7394"}).to_string();
    let call = by_admin(Method::POST, "/api/v1/bulks", &admin, body).unwrap();
    let start = Instant::now();
    let bulk: Json = connection.send(call).await.unwrap().json().unwrap();
    let id = bulk["id"].as_str().unwrap().to_owned();
    // Asking for the bulk counts its commands, so the database is asked instead, and seldom.
    let database = Sqlite::open(file(fleet.env.folder())).unwrap();
    let mut state = database
        .prepare("select state from bulks where id = ?")
        .unwrap();
    loop {
        tokio::time::sleep(Duration::from_millis(2)).await;
        let state: String = state.query_row([&id], |row| row.get(0)).unwrap();
        if ["waiting-for-devices", "done"].contains(&state.as_str()) {
            return (id, start.elapsed());
        }
    }
}

/// The rows that a bulk has written.
struct Rows {
    bulk: Vec<Value>,
    commands: Vec<Vec<Value>>,
    outbox: Vec<Vec<Value>>,
    audit: Vec<Vec<Value>>,
}

impl Rows {
    fn of(host: &Sqlite, bulk: &str) -> Self {
        let rows = |sql: &str| {
            let mut query = host.prepare(sql).unwrap();
            let columns = query.column_count();
            let rows = query.query_map([bulk], |row| (0..columns).map(|at| row.get(at)).collect());
            rows.unwrap()
                .collect::<Result<Vec<Vec<Value>>, _>>()
                .unwrap()
        };
        let made = "(select id from commands where bulk = ?)";
        Self {
            bulk: rows("select * from bulks where id = ?").remove(0),
            commands: rows("select * from commands where bulk = ? order by id"),
            outbox: rows(&format!(
                "select * from outbox where command in {made} order by command"
            )),
            audit: rows(&format!(
                "select * from audit where action = 'reset' and command in {made} order by command"
            )),
        }
    }
}

/// SQLite with the durability settings of a server's store.
struct Raw(Sqlite);

impl Raw {
    fn open(file: &Path) -> Self {
        let connection = Sqlite::open(file).unwrap();
        connection
            .pragma_update(None, "journal_mode", "wal")
            .unwrap();
        for (pragma, value) in [
            ("synchronous", "full"),
            ("foreign_keys", "on"),
            ("secure_delete", "on"),
        ] {
            connection.pragma_update(None, pragma, value).unwrap();
        }
        connection.set_prepared_statement_cache_capacity(64);
        Self(connection)
    }

    fn write(&mut self, host: &Sqlite, rows: &Rows) -> Duration {
        let into = |table: &str| {
            let query = host.prepare(&format!("select * from {table}")).unwrap();
            let places = vec!["?"; query.column_count()].join(", ");
            format!("insert into {table} values ({places})")
        };
        let [bulks, commands, outbox, audit] = ["bulks", "commands", "outbox", "audit"].map(into);
        self.0
            .execute(&bulks, params_from_iter(&rows.bulk))
            .unwrap();
        let start = Instant::now();
        for batch in (0..rows.commands.len()).step_by(BATCH) {
            let transaction = self
                .0
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .unwrap();
            for at in batch..(batch + BATCH).min(rows.commands.len()) {
                let (id, device) = (&rows.commands[at][0], &rows.commands[at][1]);
                let run = |sql: &str, values: &[Value]| {
                    let mut statement = transaction.prepare_cached(sql).unwrap();
                    assert_eq!(statement.execute(params_from_iter(values)).unwrap(), 1);
                };
                run(
                    "update devices set version = version + 1 where id = ?",
                    std::slice::from_ref(device),
                );
                run(&commands, &rows.commands[at]);
                run(
                    "update devices set latest_command = ?, status = 'pending' where id = ?",
                    &[id.clone(), device.clone()],
                );
                run(&outbox, &rows.outbox[at]);
                run(&audit, &rows.audit[at]);
            }
            transaction.commit().unwrap();
        }
        start.elapsed()
    }
}

/// The same resets on two hosts, each on devices that have none pending.
async fn one_by_one(resets: usize) {
    let devices = resets * (ROUNDS + 1);
    let together = fleet(devices, &[]).await;
    let alone = fleet(devices, &["--calls-per-commit=1"]).await;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let time = ask(&together, round, resets).await;
        let their_time = ask(&alone, round, resets).await;
        if round > 0 {
            ours.push(time);
            theirs.push(their_time);
        }
    }
    let rate = |times: &mut Vec<Duration>| resets as f64 / median(times).as_secs_f64();
    let (ours, theirs) = (rate(&mut ours), rate(&mut theirs));
    println!(
        "{CLIENTS} clients: {ours:.0} durable resets a second; with a commit for each: {theirs:.0}; {:.2}×",
        ours / theirs
    );
}

async fn ask(fleet: &Fleet, round: usize, resets: usize) -> Duration {
    let admin = fleet.env.token().unwrap();
    let numbers = round * resets + 1..(round + 1) * resets + 1;
    let calls = numbers.map(|it| reset(&fleet.device(it), &admin).unwrap());
    let calls = calls.collect();
    let mut connections = Vec::new();
    for _ in 0..CLIENTS {
        connections.push(Connection::open(fleet.env.address()).await.unwrap());
    }
    let start = Instant::now();
    send_all(connections, calls).await.unwrap();
    start.elapsed()
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
