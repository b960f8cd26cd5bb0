//! Bench of two replicas on one PostgreSQL database, against one: resets over HTTP, and syncs with nothing to do, in
//! turns in one run. First, they share the machine with the database and the clients; then each has a limited share of
//! a processor, as on a small machine of its own. `cargo xtask bench` runs it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use mdm_tests::{
    load::{
        connection::{Call, Connection, send_all},
        database::Database,
        fleet::{Fleet, reset},
        mix,
    },
    postgres::Postgres,
    processor,
    test_environment::TestEnvironment,
};
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

const ROUNDS: usize = 5;
const CLIENTS: usize = 64;
const CALLS: usize = 1500;

/// The share of a processor for each server, in percent, if it is limited.
const SHARE: u32 = 40;

/// Resets are of devices that have none pending: each round of them has its own.
const DEVICES: usize = CALLS * (ROUNDS + 1) * 4;

fn main() {
    // Cargo asks every bench for its tests, and this one has none.
    if std::env::args().any(|argument| argument == "--list" || argument == "--test") {
        return;
    }
    let threads = tokio::runtime::Runtime::new().expect("a runtime");
    threads.block_on(measure());
}

async fn measure() {
    let postgres = Postgres::start().unwrap();
    let server = postgres.process().unwrap();
    let url = postgres.database("mdm").unwrap();
    let env = mix::env(&["--store", &url]).unwrap();
    let database = Database::Postgres(postgres, "mdm");
    let fleet = Fleet::new(env, database, DEVICES).await.unwrap();
    let other = TestEnvironment::replica_of(&fleet.env).unwrap();
    let mut bench = Bench {
        hosts: [&fleet.env, &other],
        server,
        fleet: &fleet,
        next: 0,
    };
    println!(
        "\n{CLIENTS} clients, medians of {ROUNDS} rounds of {CALLS} calls; processors in use, of {}\n\
         | hosts | what | one, a second | two, a second | ratio | one: hosts | database | clients | two: hosts | database | clients |\n\
         |{}",
        std::thread::available_parallelism().unwrap(),
        " --- |".repeat(11)
    );
    bench.compare("not limited").await;
    let limits: io::Result<Vec<Limit>> = bench
        .hosts
        .iter()
        .map(|host| Limit::set(host.host_process().unwrap()))
        .collect();
    match limits {
        Ok(_limits) => {
            bench
                .compare(&format!("{SHARE}% of a processor each"))
                .await
        }
        Err(error) => println!("hosts can't be limited here: {error}"),
    }
}

struct Bench<'a> {
    hosts: [&'a TestEnvironment; 2],
    /// The process of the database's server.
    server: u32,
    fleet: &'a Fleet,
    /// The number of the last device that was reset.
    next: usize,
}

/// The durations of a round.
#[derive(Clone, Copy, Default)]
struct Took {
    time: Duration,
    hosts: Duration,
    database: Duration,
    clients: Duration,
}

impl Bench<'_> {
    async fn compare(&mut self, limit: &str) {
        for what in ["a reset", "a sync with nothing to do"] {
            let mut rounds = [Vec::new(), Vec::new()];
            for round in 0..=ROUNDS {
                for (hosts, took) in (1..).zip(&mut rounds) {
                    let calls = match what {
                        "a reset" => self.resets(),
                        _ => self.syncs(),
                    };
                    let this = self.round(hosts, calls).await;
                    // The first one warms both up.
                    if round > 0 {
                        took.push(this);
                    }
                }
            }
            let [one, two] = rounds.map(median);
            let rate = |took: Took| CALLS as f64 / took.time.as_secs_f64();
            let cells = |took: Took| {
                let cell = |used: Duration| used.as_secs_f64() / took.time.as_secs_f64();
                let Took {
                    hosts,
                    database,
                    clients,
                    ..
                } = took;
                format!(
                    "{:.2} | {:.2} | {:.2}",
                    cell(hosts),
                    cell(database),
                    cell(clients)
                )
            };
            println!(
                "| {limit} | {what} | {:.0} | {:.0} | {:.2}× | {} | {} |",
                rate(one),
                rate(two),
                rate(two) / rate(one),
                cells(one),
                cells(two)
            );
        }
    }

    fn resets(&mut self) -> Vec<Call> {
        let admin = self.fleet.env.token().unwrap();
        let numbers = self.next + 1..=self.next + CALLS;
        self.next += CALLS;
        numbers
            .map(|number| reset(&self.fleet.device(number), &admin).unwrap())
            .collect()
    }

    fn syncs(&self) -> Vec<Call> {
        // Those at the end are reset last of all, and have nothing to do until then.
        let numbers = DEVICES - CALLS + 1..=DEVICES;
        numbers
            .map(|number| self.fleet.agent(number).call(Vec::new(), 0).unwrap())
            .collect()
    }

    /// Sends the calls to so many of the hosts.
    async fn round(&self, hosts: usize, calls: Vec<Call>) -> Took {
        let mut connections = Vec::new();
        for host in self.hosts[..hosts].iter().cycle().take(CLIENTS) {
            connections.push(Connection::open(host.address()).await.unwrap());
        }
        let (before, started) = (self.used(), Instant::now());
        send_all(connections, calls).await.unwrap();
        let (time, after) = (started.elapsed(), self.used());
        Took {
            time,
            hosts: after.hosts - before.hosts,
            database: after.database - before.database,
            clients: after.clients - before.clients,
        }
    }

    fn used(&self) -> Took {
        let hosts = self.hosts.map(|host| host.host_process().unwrap());
        Took {
            time: Duration::ZERO,
            hosts: hosts.map(|it| processor::used(it).unwrap()).iter().sum(),
            database: processor::used_with_children(self.server).unwrap(),
            clients: processor::used(std::process::id()).unwrap(),
        }
    }
}

fn median(mut rounds: Vec<Took>) -> Took {
    rounds.sort_unstable_by_key(|round| round.time);
    rounds[rounds.len() / 2]
}

/// Keeps a process to its share of a processor, by a control group of Linux, until it is dropped.
struct Limit {
    group: PathBuf,
}

impl Limit {
    fn set(process: u32) -> io::Result<Self> {
        let all = Path::new("/sys/fs/cgroup");
        // The older kind of control groups has a folder for each thing that it limits.
        let is_older = all.join("cpu").is_dir();
        let above = match is_older {
            true => all.join("cpu"),
            false => all.to_owned(),
        };
        let group = above.join(format!("mdm-bench-{process}"));
        fs::create_dir(&group)?;
        let limit = Self { group };
        // Turns of a hundredth of a second: so it is as if the processor were slow.
        let (turn, share) = (10_000, SHARE * 100);
        if is_older {
            fs::write(limit.group.join("cpu.cfs_period_us"), turn.to_string())?;
            fs::write(limit.group.join("cpu.cfs_quota_us"), share.to_string())?;
        } else {
            fs::write(limit.group.join("cpu.max"), format!("{share} {turn}"))?;
        }
        fs::write(limit.group.join("cgroup.procs"), process.to_string())?;
        Ok(limit)
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        // A group goes when it is empty: its processes move to the one above.
        if let (Ok(members), Some(above)) = (
            fs::read_to_string(self.group.join("cgroup.procs")),
            self.group.parent(),
        ) {
            for member in members.lines() {
                let _ = fs::write(above.join("cgroup.procs"), member);
            }
        }
        let _ = fs::remove_dir(&self.group);
    }
}
