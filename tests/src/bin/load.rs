//! The load env: fleets of several sizes, one after the other, each on a host of its own. Ends with status 0 only if
//! every accepted command has its outcome, or waits for it. `cargo xtask load` runs it.

use anyhow::ensure;
use clap::{Parser, ValueEnum};
use mdm_tests::{
    load::{
        database::Database,
        document::{self, Run},
        fleet::Fleet,
        mix::{self, Mix},
    },
    postgres::Postgres,
    test_environment::program,
};
use std::{path::PathBuf, process::Command, time::Duration};

/// The files that are open beside the connections of agents.
const OTHER_FILES: u64 = 1000;

#[derive(Parser)]
#[command(name = "load")]
struct Options {
    /// The sizes of the fleets.
    #[arg(long, value_delimiter = ',', default_values = ["1k", "10k", "100k", "1M"], value_parser = size)]
    devices: Vec<usize>,
    /// The stores of the servers.
    #[arg(long, value_enum, default_values = ["sqlite"], value_delimiter = ',')]
    store: Vec<Store>,
    /// For how long each of them works.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// The most connected agents: limited by the devices and by the open files.
    #[arg(long, default_value = "2k", value_parser = size)]
    agents: usize,
    /// Resets at one time.
    #[arg(long, default_value_t = 16)]
    resets: usize,
    /// Syncs with nothing to do at one time.
    #[arg(long, default_value_t = 8)]
    syncs: usize,
    /// Write the tables into this file, between its markers `load`.
    #[arg(long)]
    write: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Store {
    Sqlite,
    Postgres,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let files = rlimit::increase_nofile_limit(u64::MAX)?;
    let most = usize::try_from(files.saturating_sub(OTHER_FILES))?;
    let mut runs = Vec::new();
    for store in &options.store {
        for devices in &options.devices {
            let mix = Mix {
                agents: options.agents.min(*devices).min(most),
                resets: options.resets,
                syncs: options.syncs,
                time: Duration::from_secs(options.seconds),
            };
            runs.push(run(*store, *devices, mix).await?);
        }
    }
    let tables = document::tables(&runs);
    println!("\n{tables}");
    match options.write {
        Some(file) => document::write(&file, "load", &tables),
        None => Ok(()),
    }
}

async fn run(store: Store, devices: usize, mix: Mix) -> anyhow::Result<Run> {
    let (env, database, named) = match store {
        Store::Sqlite => {
            let env = mix::env(&[])?;
            let file = env.folder().join("data/mdm.db");
            (env, Database::Sqlite(file), Vec::new())
        }
        Store::Postgres => {
            let server = Postgres::start()?;
            let named = vec!["--store".to_owned(), server.database("load")?];
            let env = mix::env(&[&named[0], &named[1]])?;
            (env, Database::Postgres(server, "load"), named)
        }
    };
    let started = std::time::Instant::now();
    let mut fleet = Fleet::new(env, database, devices).await?;
    println!(
        "{devices} devices, made in {:.1} s",
        started.elapsed().as_secs_f64()
    );
    let measured = mix::run(&fleet, mix).await?;
    println!(
        "{} agents connected in {:.1} s; {} resets, {} of them with an outcome; {} syncs",
        mix.agents,
        measured.connected.as_secs_f64(),
        measured.accepted.len(),
        measured.outcomes.count(),
        measured.syncs.count()
    );
    fleet.env.kill_host()?;
    mix::check(&fleet, &measured.accepted)?;
    let verified = Command::new(program("mdm-server")?)
        .args(["audit", "verify"])
        .args(named)
        .arg("--data")
        .arg(fleet.env.folder().join("data"))
        .status()?;
    ensure!(verified.success(), "the audit trail is broken");
    ensure!(measured.resets.count() > 0, "nothing was reset");
    println!("every accepted command has its outcome, or waits for it");
    let store = match store {
        Store::Sqlite => "SQLite",
        Store::Postgres => "PostgreSQL",
    };
    Ok(Run {
        store,
        devices,
        mix,
        measured,
    })
}

/// A number such as 100, 10k or 1M.
fn size(text: &str) -> Result<usize, String> {
    let (digits, times) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], 1000),
        Some((at, 'M')) => (&text[..at], 1_000_000),
        _ => (text, 1),
    };
    let number: Option<usize> = digits
        .parse()
        .ok()
        .and_then(|it: usize| it.checked_mul(times));
    match number {
        Some(number @ 1..=10_000_000) => Ok(number),
        _ => Err("a number from 1 to 10M is wanted, such as 100k".into()),
    }
}
