//! Mixed load for a bounded time: waiting agents, admins who reset, and devices that sync with nothing to do. Each
//! client waits for its response before its next request.

use super::{
    agent::{LightAgent, success},
    connection::Connection,
    fleet::{Fleet, reset},
    times::Times,
};
use crate::{memory, processor, test_environment::TestEnvironment};
use anyhow::Context as _;
use mdm_contract::Command;
use parking_lot::Mutex;
use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{Notify, Semaphore, watch},
    task::JoinSet,
    time::timeout,
};

/// The wait of an agent's sync, in seconds.
const WAIT: u32 = 55;

/// Agents that connect at one time.
const CONNECTING: usize = 64;

/// Devices that sync by one connection in turn.
const EACH: usize = 64;

/// Timeout of a reset's outcome, after which its admin goes on to the next device.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The amount of load.
#[derive(Clone, Copy, Debug)]
pub struct Mix {
    /// Connected, waiting agents. Their devices are reset.
    pub agents: usize,
    /// Resets at a time.
    pub resets: usize,
    /// Syncs with nothing to do at a time, of devices that are not connected otherwise.
    pub syncs: usize,
    /// For how long.
    pub time: Duration,
}

/// A reset that the host has accepted.
pub struct Accepted {
    /// Its command.
    pub command: String,
    /// The host has taken the report that it succeeded.
    pub is_reported: bool,
}

/// The measurements.
#[derive(Default)]
pub struct Measured {
    /// Resets, until they were answered.
    pub resets: Times,
    /// Resets, until the host had the report of the device.
    pub outcomes: Times,
    /// Syncs with a report.
    pub reports: Times,
    /// Syncs with nothing to do.
    pub syncs: Times,
    /// The requests that the server has accepted.
    pub accepted: Vec<Accepted>,
    /// For how long.
    pub time: Duration,
    /// The processor time of the server meanwhile.
    pub processor: Duration,
    /// The memory of the host's process at the end, in bytes.
    pub memory: u64,
    /// The time until all agents were connected.
    pub connected: Duration,
}

/// The state of an agent, for a task that waits for it.
#[derive(Default)]
struct Waiting {
    reported: Notify,
    times: Mutex<Times>,
}

/// Runs a mix on a fleet.
pub async fn run(fleet: &Fleet, mix: Mix) -> anyhow::Result<Measured> {
    let start = Instant::now();
    let agents = connect(fleet, mix.agents).await?;
    let others = others(fleet, mix).await?;
    let mut measured = Measured {
        connected: start.elapsed(),
        ..Measured::default()
    };
    let host = fleet.env.host_process()?;
    let (start, before) = (Instant::now(), processor::used(host)?);
    let end = start + mix.time;
    let admins = reset_all(fleet, &agents, mix.resets, end);
    let (admins, others) = tokio::join!(admins, sync_all(others, end));
    measured.time = start.elapsed();
    measured.processor = processor::used(host)?.saturating_sub(before);
    measured.memory = memory::resident(host)?;
    measured.syncs = others?;
    (measured.resets, measured.outcomes, measured.accepted) = admins?;
    for agent in agents.waiting.iter() {
        measured.reports.add_all(&agent.times.lock());
    }
    Ok(measured)
}

/// Waiting agents; they disconnect when this is dropped.
pub struct Agents {
    waiting: Arc<Vec<Waiting>>,
    _tasks: JoinSet<()>,
}

/// Connects this many agents, which carry out their commands.
pub async fn connect(fleet: &Fleet, agents: usize) -> anyhow::Result<Agents> {
    let waiting: Vec<Waiting> = (0..agents).map(|_| Waiting::default()).collect();
    let waiting = Arc::new(waiting);
    let turns = Arc::new(Semaphore::new(CONNECTING));
    let (connected, mut count) = watch::channel(0);
    let connected = Arc::new(connected);
    let mut tasks = JoinSet::new();
    let address = fleet.env.address();
    for number in 1..=agents {
        let (agent, turns) = (fleet.agent(number), Arc::clone(&turns));
        let (waiting, connected) = (Arc::clone(&waiting), Arc::clone(&connected));
        tasks.spawn(async move {
            let opened = async {
                let _turn = turns.acquire().await?;
                let mut connection = Connection::open(address).await?;
                agent.sync(&mut connection, Vec::new(), 0).await?;
                anyhow::Ok(connection)
            };
            let Ok(mut connection) = opened.await else {
                return;
            };
            connected.send_modify(|count| *count += 1);
            let waiting = &waiting[number - 1];
            while let Ok(commands) = agent.sync(&mut connection, Vec::new(), WAIT).await {
                for command in commands {
                    let start = Instant::now();
                    let reports = vec![success(&command)];
                    if agent.sync(&mut connection, reports, 0).await.is_err() {
                        return;
                    }
                    waiting.times.lock().add(start.elapsed());
                    waiting.reported.notify_one();
                }
            }
        });
    }
    drop(connected);
    count
        .wait_for(|count| *count == agents)
        .await
        .context("not all agents could connect: are there enough file descriptors?")?;
    Ok(Agents {
        waiting,
        _tasks: tasks,
    })
}

type Resets = (Times, Times, Vec<Accepted>);

async fn reset_all(
    fleet: &Fleet,
    agents: &Agents,
    at_once: usize,
    end: Instant,
) -> anyhow::Result<Resets> {
    let idle: VecDeque<usize> = (1..=agents.waiting.len()).collect();
    let idle = Arc::new(Mutex::new(idle));
    let admin = Arc::new(fleet.env.token()?);
    let devices: Arc<Vec<String>> = Arc::new(
        (1..=agents.waiting.len())
            .map(|it| fleet.device(it))
            .collect(),
    );
    let mut admins = JoinSet::new();
    for _ in 0..at_once.min(devices.len()) {
        let mut connection = Connection::open(fleet.env.address()).await?;
        let (idle, admin) = (Arc::clone(&idle), Arc::clone(&admin));
        let (devices, waiting) = (Arc::clone(&devices), Arc::clone(&agents.waiting));
        admins.spawn(async move {
            let (mut resets, mut outcomes) = (Times::default(), Times::default());
            let mut accepted = Vec::new();
            while Instant::now() < end {
                let next = idle.lock().pop_front();
                let number = next.context("no device is idle")?;
                let start = Instant::now();
                let call = reset(&devices[number - 1], &admin)?;
                let command: Command = connection.send(call).await?.json()?;
                resets.add(start.elapsed());
                let reported = waiting[number - 1].reported.notified();
                let is_reported = timeout(TIMEOUT, reported).await.is_ok();
                accepted.push(Accepted {
                    command: command.id,
                    is_reported,
                });
                // A device whose outcome is not known is reset no more.
                if is_reported {
                    outcomes.add(start.elapsed());
                    idle.lock().push_back(number);
                }
            }
            anyhow::Ok((resets, outcomes, accepted))
        });
    }
    let mut all = Resets::default();
    while let Some(done) = admins.join_next().await {
        let (resets, outcomes, accepted) = done??;
        all.0.add_all(&resets);
        all.1.add_all(&outcomes);
        all.2.extend(accepted);
    }
    Ok(all)
}

/// A connection, and the agents of some devices all over the fleet that sync by it in turn.
type Other = (Connection, Vec<LightAgent>);

/// Those that sync with nothing to do. Each has synced just now: a host notes that from time to time, and how often
/// that is the case must not depend on how many devices there are.
async fn others(fleet: &Fleet, mix: Mix) -> anyhow::Result<Vec<Other>> {
    // If all devices are connected, the connected ones are also synced.
    let first = match fleet.devices() > mix.agents + mix.syncs {
        true => mix.agents + 1,
        false => 1,
    };
    let step = (fleet.devices() - first) / (mix.syncs * EACH).max(1) + 1;
    let mut others = Vec::new();
    for at in 0..mix.syncs {
        let mut connection = Connection::open(fleet.env.address()).await?;
        let own = (first + at * step..=fleet.devices()).step_by(mix.syncs * step);
        let own: Vec<_> = own.map(|number| fleet.agent(number)).collect();
        for agent in &own {
            agent.sync(&mut connection, Vec::new(), 0).await?;
        }
        others.push((connection, own));
    }
    Ok(others)
}

async fn sync_all(others: Vec<Other>, end: Instant) -> anyhow::Result<Times> {
    let mut devices = JoinSet::new();
    for (mut connection, own) in others {
        devices.spawn(async move {
            let mut times = Times::default();
            for agent in own.iter().cycle() {
                if Instant::now() >= end {
                    break;
                }
                let start = Instant::now();
                agent.sync(&mut connection, Vec::new(), 0).await?;
                times.add(start.elapsed());
            }
            anyhow::Ok(times)
        });
    }
    let mut all = Times::default();
    while let Some(done) = devices.join_next().await {
        all.add_all(&done??);
    }
    Ok(all)
}

/// Checks that each accepted command has its outcome, or is pending and waits in the outbox.
pub fn check(fleet: &Fleet, accepted: &[Accepted]) -> anyhow::Result<()> {
    let ids: Vec<String> = accepted.iter().map(|it| it.command.clone()).collect();
    let stand = fleet.database.stand(&ids)?;
    for (accepted, stands) in accepted.iter().zip(stand) {
        let id = &accepted.command;
        let stands = stands.with_context(|| format!("command {id} was accepted, and is lost"))?;
        let is_right = match (stands.status.as_str(), accepted.is_reported) {
            (r#""success""#, _) => !stands.is_in_outbox,
            (r#""pending""#, is_reported) => stands.is_in_outbox && !is_reported,
            _ => false,
        };
        anyhow::ensure!(
            is_right,
            "command {id} (reported: {}) stands as {stands:?}",
            accepted.is_reported
        );
    }
    Ok(())
}

/// The env of a load test: no caller is refused because it calls often, or has many connections.
pub fn env(more: &[&str]) -> anyhow::Result<TestEnvironment> {
    let args = [
        "--rate-per-address=1000000000",
        "--rate-per-device=1000000000",
        "--connections=100000",
        "--connections-per-address=100000",
        "--head-time=600",
    ];
    TestEnvironment::with(&[&args, more].concat(), "warn")
}
