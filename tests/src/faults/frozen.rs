//! Processes that freeze (SIGSTOP) under load and continue later: one of two replicas, or PostgreSQL.

use super::{fault::Fault, fleet::Fleet, stage::Stage};
use crate::test_environment::{Device, Make, TestEnvironment, http_client};
use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// A frozen replica must not delay a call to another replica longer.
const REPLICA_LIMIT: Duration = Duration::from_secs(5);

/// A frozen leader is replaced within this time.
const LEADER_LIMIT: Duration = Duration::from_secs(15);

/// No call to a host waits longer for a silent database.
const DATABASE_LIMIT: Duration = Duration::from_secs(15);

/// One of two replicas freezes, and the other one serves.
pub(super) struct Replica(Fleet);

/// The leader of two replicas freezes, and the other one takes its work over.
pub(super) struct Leader {
    fleet: Fleet,
    /// Never on, so that its commands stay pending until the leader expires them.
    drawer: Device,
}

/// PostgreSQL freezes, and both replicas go on answering.
pub(super) struct Database(Fleet);

impl Replica {
    pub(super) fn set_up(seed: u64) -> anyhow::Result<(Stage, Box<dyn Fault>)> {
        let (stage, fleet) = Fleet::set_up(seed)?;
        Ok((stage, Box::new(Self(fleet))))
    }
}

impl Leader {
    pub(super) fn set_up(seed: u64) -> anyhow::Result<(Stage, Box<dyn Fault>)> {
        let (stage, fleet) = Fleet::set_up(seed)?;
        let drawer = stage.env.enroll(Make {
            name: "drawer",
            ..Make::default()
        })?;
        Ok((stage, Box::new(Self { fleet, drawer })))
    }
}

impl Database {
    pub(super) fn set_up(seed: u64) -> anyhow::Result<(Stage, Box<dyn Fault>)> {
        let (stage, fleet) = Fleet::set_up(seed)?;
        Ok((stage, Box::new(Self(fleet))))
    }
}

impl Fault for Replica {
    fn strike(&mut self, stage: &mut Stage) -> anyhow::Result<()> {
        let time = Duration::from_millis(stage.random.u64(500..=8_000));
        let is_first = stage.random.bool();
        let frozen = [&self.0.second, &stage.env][usize::from(is_first)].host_process()?;
        let _frozen = Frozen::one(frozen)?;
        end_load_soon(stage)?;
        let other = [&stage.env, &self.0.second][usize::from(is_first)];
        let begun = Instant::now();
        while begun.elapsed() < time {
            post(
                stage,
                other,
                "/enrollment-tokens",
                &json!({}),
                REPLICA_LIMIT,
            )
            .context("beside a frozen replica")?;
        }
        Ok(())
    }
}

impl Fault for Leader {
    fn strike(&mut self, stage: &mut Stage) -> anyhow::Result<()> {
        // Either may be the leader: the other one must expire the command.
        let is_first = stage.random.bool();
        let frozen = [&self.fleet.second, &stage.env][usize::from(is_first)].host_process()?;
        let _frozen = Frozen::one(frozen)?;
        end_load_soon(stage)?;
        let other = [&stage.env, &self.fleet.second][usize::from(is_first)];
        let device = &self.drawer.id;
        let path = format!("/devices/{device}/password/reset");
        let body = json!({"password": "4271", "terms": {"valid_for": 1}});
        let command = post(stage, other, &path, &body, REPLICA_LIMIT)?;
        let id = command["id"].as_str().context("a command has no id")?;
        let expires = Instant::now() + Duration::from_secs(1);
        loop {
            let path = format!("/devices/{device}/password/status");
            let status = get(stage, other, &path, REPLICA_LIMIT)?;
            let history = status["history"].as_array().context("no history")?;
            let command = history.iter().find(|it| it["id"] == id);
            let status = &command.context("the command is gone")?["status"];
            if status["failed"] == "expired" {
                return Ok(());
            }
            ensure!(
                *status == "pending" && Instant::now() < expires + LEADER_LIMIT,
                "a frozen replica was not replaced as the leader: command {id} is {status}"
            );
        }
    }
}

impl Fault for Database {
    fn strike(&mut self, stage: &mut Stage) -> anyhow::Result<()> {
        let time = stage.random.u64(500..=12_000);
        let frozen = Frozen::with_children(self.0.postgres.process()?)?;
        let begun = Instant::now();
        let mut requests = Vec::new();
        for env in [&stage.env, &self.0.second] {
            for path in ["/ready", "/metrics", "/api/v1/devices"] {
                let request = http_client().get(format!("{}{path}", env.url()));
                requests.push((path, request.bearer_auth(env.token()?)));
            }
        }
        stage.runtime.block_on(async {
            let mut answers = JoinSet::new();
            for (path, request) in requests {
                answers.spawn(async move {
                    let answer = request.timeout(DATABASE_LIMIT).send().await;
                    answer.with_context(|| format!("{path} while the database was silent"))
                });
            }
            while let Some(answer) = answers.join_next().await {
                answer??;
            }
            anyhow::Ok(())
        })?;
        if let Some(rest) = Duration::from_millis(time).checked_sub(begun.elapsed()) {
            std::thread::sleep(rest);
        }
        drop(frozen);
        Ok(())
    }
}

/// Ends the load a moment after the freeze: agents that hang meanwhile report late, and a host shows the latest fifty
/// commands of a device.
fn end_load_soon(stage: &mut Stage) -> anyhow::Result<()> {
    stage.pass(50..=300);
    stage.end_load()
}

/// Asks a host for a change, which it must accept within the limit.
fn post(
    stage: &Stage,
    env: &TestEnvironment,
    path: &str,
    body: &Value,
    limit: Duration,
) -> anyhow::Result<Value> {
    let request = http_client().post(format!("{}/api/v1{path}", env.url()));
    answer(stage, env, request.json(body), limit).with_context(|| format!("POST {path}"))
}

/// Reads from a host, which must answer within the limit.
fn get(stage: &Stage, env: &TestEnvironment, path: &str, limit: Duration) -> anyhow::Result<Value> {
    let request = http_client().get(format!("{}/api/v1{path}", env.url()));
    answer(stage, env, request, limit).with_context(|| format!("GET {path}"))
}

fn answer(
    stage: &Stage,
    env: &TestEnvironment,
    request: reqwest::RequestBuilder,
    limit: Duration,
) -> anyhow::Result<Value> {
    let request = request.bearer_auth(env.token()?).timeout(limit);
    stage.runtime.block_on(async {
        let answer = request.send().await?.error_for_status()?;
        Ok(answer.json().await?)
    })
}

/// Processes that are frozen until this is dropped.
struct Frozen(Vec<u32>);

impl Frozen {
    fn one(process: u32) -> anyhow::Result<Self> {
        let frozen = Self(vec![process]);
        frozen.signal("-STOP")?;
        Ok(frozen)
    }

    /// The process first, so that it starts no more children.
    fn with_children(process: u32) -> anyhow::Result<Self> {
        let mut frozen = Self::one(process)?;
        let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children"))?;
        for child in children.split_whitespace() {
            let child = child.parse()?;
            // A child that has just ended needs no signal.
            if signal("-STOP", child).is_ok() {
                frozen.0.push(child);
            }
        }
        Ok(frozen)
    }

    fn signal(&self, signal_name: &str) -> anyhow::Result<()> {
        self.0
            .iter()
            .try_for_each(|process| signal(signal_name, *process))
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let _ = self.signal("-CONT");
    }
}

fn signal(name: &str, process: u32) -> anyhow::Result<()> {
    let status = Command::new("kill")
        .args([name, &process.to_string()])
        .status()?;
    ensure!(status.success(), "kill {name} {process}: {status}");
    Ok(())
}
