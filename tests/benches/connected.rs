//! Benchmark: memory of a server with waiting agents, compared with a bare axum server with idle connections. Each
//! server is a process of its own. `cargo xtask bench` runs it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use axum::{Router, routing::post};
use mdm_tests::{
    load::{connection::Connection, database::Database, fleet::Fleet, mix},
    memory,
};
use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    time::Duration,
};
use tokio::net::TcpListener;

const DEVICES: usize = 100_000;
const AGENTS: usize = 10_000;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    // Cargo asks every bench for its tests, and this one has none.
    if arguments.iter().any(|it| it == "--list" || it == "--test") {
        return;
    }
    rlimit::increase_nofile_limit(u64::MAX).expect("can't raise the limit of open files");
    let threads = tokio::runtime::Runtime::new().expect("a runtime");
    threads.block_on(async {
        match arguments.get(1).map(String::as_str) {
            Some("bare") => bare().await,
            _ => compare().await,
        }
    });
}

/// Runs the bare server, and prints its address for [`compare`], which opens the connections.
async fn bare() {
    let router = Router::new().fallback(post(|_: axum::body::Bytes| async { "{}" }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    axum::serve(listener, router).await.unwrap();
}

async fn compare() {
    let env = mix::env(&[]).unwrap();
    let database = Database::Sqlite(env.folder().join("data/mdm.db"));
    let fleet = Fleet::new(env, database, DEVICES).await.unwrap();
    let host = fleet.env.host_process().unwrap();
    let before = memory::resident(host).unwrap();
    let agents = mix::connect(&fleet, AGENTS).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let ours = memory::resident(host).unwrap();
    drop(agents);

    let mut bare = Command::new(std::env::current_exe().unwrap())
        .arg("bare")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut address = String::new();
    let output = bare.stdout.take().unwrap();
    BufReader::new(output).read_line(&mut address).unwrap();
    let address = address.trim().parse().unwrap();
    let bare_before = memory::resident(bare.id()).unwrap();
    let mut connections = Vec::new();
    for number in 0..AGENTS {
        let mut connection = Connection::open(address).await.unwrap();
        let call = fleet.agent(number + 1).call(Vec::new(), 0).unwrap();
        assert!(connection.send(call).await.unwrap().status.is_success());
        connections.push(connection);
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let theirs = memory::resident(bare.id()).unwrap();
    bare.kill().unwrap();
    bare.wait().unwrap();
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let each = |all: u64, before: u64| (all - before) as f64 / AGENTS as f64 / 1024.0;
    println!(
        "\n| what | before | with {AGENTS} connections | each |\n| --- | --- | --- | --- |\n\
         | a host with {DEVICES} devices, agents that wait | {:.1} MiB | {:.1} MiB | {:.1} KiB |\n\
         | a bare axum server, idle connections | {:.1} MiB | {:.1} MiB | {:.1} KiB |\n{:.2}×",
        mib(before),
        mib(ours),
        each(ours, before),
        mib(bare_before),
        mib(theirs),
        each(theirs, bare_before),
        ours as f64 / theirs as f64
    );
}
