//! The stage of the faults: a host, a few devices with their agents, busy clients, and the recorded history.

use super::{
    caller::Caller,
    load::{Load, repeat},
    record::Record,
    tally::CommandCounts,
};
use crate::{
    checker::{Answer, History, Violation, check},
    test_environment::{Device, Make, TIMEOUT, TestEnvironment, wait_until},
};
use anyhow::ensure;
use fastrand::Rng;
use std::{
    ops::RangeInclusive,
    thread,
    time::{Duration, Instant},
};
use tokio::{
    runtime::{Builder, Runtime},
    task::JoinSet,
};

/// The time after healing in which every command must get its outcome.
const MAX_COMPLETING: Duration = Duration::from_secs(60);
/// Time limit until every device matches the server's state.
const MAX_AGREEING: Duration = Duration::from_secs(10);

/// The time that an agent's sync waits for news, in seconds: an agent that is cut off notices within a few more.
const WAIT: &str = "3";

pub(super) struct Stage {
    pub(super) env: TestEnvironment,
    pub(super) devices: Vec<Device>,
    pub(super) record: Record,
    pub(super) random: Rng,
    pub(super) runtime: Runtime,
    caller: Caller,
    load: Option<Load>,
    /// The environment of the agents.
    agent_variables: Vec<(String, String)>,
}

/// The options of a stage.
#[derive(Default)]
pub(super) struct Setting<'a> {
    /// The URL at which agents reach the host.
    pub(super) agents_at: Option<&'a str>,
    /// The URL at which clients reach it.
    pub(super) clients_at: Option<&'a str>,
    /// The environment of the agents.
    pub(super) agent_variables: Vec<(String, String)>,
    /// The server and its database are different processes.
    pub(super) is_store_remote: bool,
    /// The server's clock steps. The response of a request with an idempotency key is stored for a day by that
    /// clock: a retry after a step over a day is a new request.
    pub(super) is_clock_unsteady: bool,
}

impl Stage {
    pub(super) fn new(seed: u64) -> anyhow::Result<Self> {
        Self::on(TestEnvironment::start()?, seed, &Setting::default())
    }

    /// Enrolls the devices at the host of this env, and switches them on.
    pub(super) fn on(
        env: TestEnvironment,
        seed: u64,
        setting: &Setting<'_>,
    ) -> anyhow::Result<Self> {
        let mut devices = Vec::new();
        for (name, api_level, mode) in [
            ("phone", 34, "device-owner"),
            ("work-phone", 30, "profile-owner"),
            ("scanner", 22, "device-admin"),
        ] {
            devices.push(env.enroll(Make {
                name,
                api_level,
                mode,
                host: setting.agents_at,
                ..Make::default()
            })?);
        }
        let policy = ["--quality", "numeric", "--minimum-length", "6"];
        env.ask(
            &[&["policy", "set", &devices[1].id], &policy[..]].concat(),
            "",
        )?;
        let url = env.url();
        let mut stage = Self {
            record: Record::new(&devices, setting.is_store_remote),
            random: Rng::with_seed(seed),
            runtime: Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()?,
            caller: Caller::new(
                setting.clients_at.unwrap_or(&url),
                env.token()?,
                !setting.is_clock_unsteady,
            ),
            load: None,
            agent_variables: setting.agent_variables.clone(),
            env,
            devices,
        };
        for number in 0..stage.devices.len() {
            stage.switch_on(number)?;
        }
        for device in &stage.devices {
            stage.env.wait_online(device)?;
        }
        Ok(stage)
    }

    pub(super) fn switch_on(&mut self, device: usize) -> anyhow::Result<()> {
        let variables: Vec<(&str, &str)> = self
            .agent_variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        self.devices[device].switch_on_as(&["--wait", WAIT], &variables)
    }

    /// Lets some time pass, in milliseconds: when a fault happens is random.
    pub(super) fn pass(&mut self, time: RangeInclusive<u64>) {
        let time = self.random.u64(time);
        thread::sleep(Duration::from_millis(time));
    }

    /// The clients begin.
    pub(super) fn begin(&mut self) {
        let runtime = self.runtime.handle();
        self.load = Some(Load::on(
            runtime,
            &self.caller,
            &self.record,
            &mut self.random,
        ));
    }

    /// Sends up to `most` of the requests with an idempotency key again, all at once.
    pub(super) fn repeat_keys(&mut self, most: usize) {
        let requests = self.record.some_keyed(&mut self.random, most);
        self.runtime.block_on(async {
            let mut repeats = JoinSet::new();
            for request in requests {
                let (caller, record) = (self.caller.clone(), self.record.clone());
                repeats.spawn(async move { repeat(&caller, &record, &request).await });
            }
            repeats.join_all().await;
        });
    }

    /// The number of refusals of this kind so far.
    pub(super) fn refusals(&self, kind: &str) -> usize {
        let history = self.record.history();
        let answers = history.requests.iter().map(|request| &request.answer);
        answers
            .filter(|answer| matches!(answer, Answer::Refused(why) if why == kind))
            .count()
    }

    /// Returns `true` if another request is refused for this within a client's timeout.
    pub(super) fn is_refused_for(&self, kind: &str, before: usize) -> bool {
        let deadline = Instant::now() + TIMEOUT;
        while self.refusals(kind) == before && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(20));
        }
        self.refusals(kind) > before
    }

    /// The clients end.
    pub(super) fn end_load(&mut self) -> anyhow::Result<()> {
        match self.load.take() {
            Some(load) => self.runtime.block_on(load.end()),
            None => Ok(()),
        }
    }

    /// The history so far, with the server's latest report on each device.
    pub(super) fn look(&self) -> anyhow::Result<History> {
        self.look_at_devices()?;
        Ok(self.record.history().clone())
    }

    /// Waits until every command has its outcome and no agent has anything to do or to report.
    pub(super) fn wait_quiet(&self) -> anyhow::Result<()> {
        let mut is_quiet = false;
        wait_for(MAX_COMPLETING, || {
            self.look_at_devices()?;
            is_quiet = self.record.is_quiet(&self.env, &self.devices)?;
            Ok(is_quiet)
        })?;
        ensure!(is_quiet, "commands or reports are left over");
        Ok(())
    }

    /// Begins a new record, with a reset of each device, so that host and devices agree.
    pub(super) fn start_over(&mut self) -> anyhow::Result<()> {
        let renewed = self.record.renewed(&self.caller, &self.env, &self.devices);
        self.record = self.runtime.block_on(renewed)?;
        let resets = Load::reset_each(&self.caller, &self.record, &mut self.random);
        self.runtime.block_on(resets)?;
        self.wait_quiet()
    }

    /// Ends the clients, waits for rest, and checks the history. Errors with the violations.
    pub(super) fn complete(&mut self) -> anyhow::Result<Vec<Violation>> {
        self.end_load()?;
        for device in &mut self.devices {
            let is_on = device.is_on()?;
            ensure!(
                is_on,
                "the agent of {} ended: {}",
                device.name,
                device.agent_log()?
            );
        }
        wait_until("the host answers", || self.look_at_devices().map(|()| true))?;
        // A command that is pending still may have a command that replaces it on its way.
        let _ = wait_for(MAX_COMPLETING, || {
            self.look_at_devices()?;
            self.record.is_quiet(&self.env, &self.devices)
        });
        let mut violations = Vec::new();
        // A device may have one sync to go until it enforces what it should.
        let agreed = wait_for(MAX_AGREEING, || {
            self.runtime.block_on(self.record.look_at_all(
                &self.caller,
                &self.env,
                &self.devices,
            ))?;
            violations = check(&self.record.history());
            Ok(violations.is_empty())
        });
        match agreed {
            Err(error) if violations.is_empty() => Err(error),
            _ => Ok(violations),
        }
    }

    /// The requests so far, and their results.
    pub(super) fn tally(&self) -> CommandCounts {
        CommandCounts::of(&self.record.history())
    }

    fn look_at_devices(&self) -> anyhow::Result<()> {
        self.runtime.block_on(async {
            for device in &self.devices {
                self.record.look_at(&self.caller, &device.id).await?;
            }
            Ok(())
        })
    }
}

/// Waits until a condition holds, or returns its last error at the time limit.
fn wait_for(
    patience: Duration,
    mut is_so: impl FnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let deadline = Instant::now() + patience;
    loop {
        let so = is_so();
        match so {
            Ok(true) => return Ok(()),
            so if Instant::now() > deadline => return so.map(|_| ()),
            _ => thread::sleep(Duration::from_millis(50)),
        }
    }
}
