//! The record of a history while it happens.

use super::caller::Caller;
use crate::{
    checker::{Answer, AtTheEnd, History, Line, LockScreen, Operation, Request, Seen},
    test_environment::{Device, TestEnvironment, text},
};
use anyhow::Context as _;
use fastrand::Rng;
use mdm_agent::state::Home;
use mdm_contract::{Command, CommandId, PolicyState, Status};
use parking_lot::{Mutex, MutexGuard};
use reqwest::StatusCode;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

/// A request with an idempotency key, as it can be sent again.
#[derive(Clone)]
pub(super) struct KeyedRequest {
    /// The number of the request in the history.
    pub(super) number: usize,
    pub(super) path: String,
    pub(super) body: Value,
    pub(super) key: String,
}

/// Everything that was seen so far. Copies share it.
#[derive(Clone)]
pub(super) struct Record(Arc<Inner>);

struct Inner {
    devices: Vec<String>,
    history: Mutex<History>,
    /// Requests with a key that were answered, or whose answer was lost.
    keyed: Mutex<Vec<KeyedRequest>>,
    /// Begins each idempotency key: no other record has it.
    key_prefix: String,
    /// Commands from before this record.
    earlier: BTreeSet<CommandId>,
    /// The number of commands that each device had applied before this record.
    applied_earlier: BTreeMap<String, usize>,
    passwords: AtomicU32,
    /// A response of 500 or above leaves open if the request was executed: the store may have been unreachable after
    /// the commit.
    is_store_remote: bool,
    /// The last line of the audit trail that was read, and what its verification said to note.
    audit_read: Mutex<(u64, Option<String>)>,
}

impl Record {
    pub(super) fn new(devices: &[Device], is_store_remote: bool) -> Self {
        let devices = devices.iter().map(|device| device.id.clone()).collect();
        Self::of(devices, is_store_remote, BTreeSet::new(), BTreeMap::new())
    }

    /// A new record, without earlier events.
    pub(super) async fn renewed(
        &self,
        caller: &Caller,
        env: &TestEnvironment,
        devices: &[Device],
    ) -> anyhow::Result<Self> {
        let (mut earlier, mut applied) = (BTreeSet::new(), BTreeMap::new());
        for device in devices {
            let path = format!("/devices/{}/password/status", device.id);
            let mut status = caller.get(&path).await?;
            let commands: Vec<Command> = serde_json::from_value(status["history"].take())?;
            earlier.extend(commands.into_iter().map(|command| command.id));
            applied.insert(device.id.clone(), self.applied(env, device)?.len());
        }
        let devices = self.devices();
        Ok(Self::of(devices, self.0.is_store_remote, earlier, applied))
    }

    fn of(
        devices: Vec<String>,
        is_store_remote: bool,
        earlier: BTreeSet<CommandId>,
        applied_earlier: BTreeMap<String, usize>,
    ) -> Self {
        Self(Arc::new(Inner {
            devices,
            history: Mutex::default(),
            keyed: Mutex::default(),
            key_prefix: format!("{:016x}", fastrand::u64(..)),
            earlier,
            applied_earlier,
            passwords: AtomicU32::default(),
            is_store_remote,
            audit_read: Mutex::default(),
        }))
    }

    pub(super) fn devices(&self) -> Vec<String> {
        self.0.devices.clone()
    }

    pub(super) fn history(&self) -> MutexGuard<'_, History> {
        self.0.history.lock()
    }

    /// A password that no request has had before.
    pub(super) fn new_password(&self) -> String {
        let number = self.0.passwords.fetch_add(1, Ordering::Relaxed);
        // Four digits, and not in their order: neighbours differ in more than one.
        format!("{:04}", (number * 3_571) % 10_000)
    }

    /// Returns `true` if the response does not say whether the request was carried out.
    pub(super) fn is_uncertain(&self, status: StatusCode) -> bool {
        self.0.is_store_remote && status.is_server_error()
    }

    /// Records a client's request, and returns its number.
    pub(super) fn asks(&self, device: &str, operation: Operation) -> usize {
        let mut history = self.history();
        history.requests.push(Request {
            device: device.to_owned(),
            operation,
            answer: Answer::Lost,
            repeats: Vec::new(),
        });
        history.requests.len() - 1
    }

    pub(super) fn answered(&self, number: usize, answer: Answer) {
        if let Some(request) = self.history().requests.get_mut(number) {
            request.answer = answer;
        }
    }

    /// The idempotency key of a request.
    pub(super) fn key(&self, number: usize) -> String {
        format!("{}-{number}", self.0.key_prefix)
    }

    /// The commands for which a device's password was changed, also from before this record.
    pub(super) fn applied(
        &self,
        env: &TestEnvironment,
        device: &Device,
    ) -> anyhow::Result<Vec<CommandId>> {
        Ok(home(env, device).device.read()?.changed_for)
    }

    /// Keeps a request with a key for later repeats. A refusal keeps no key: its repeat is a new request.
    pub(super) fn keep_keyed(&self, request: KeyedRequest) {
        let answer = self
            .history()
            .requests
            .get(request.number)
            .map(|it| it.answer.clone());
        if !matches!(answer, None | Some(Answer::Refused(_))) {
            self.keyed().push(request);
        }
    }

    /// Up to `most` of the requests with a key, by chance.
    pub(super) fn some_keyed(&self, random: &mut Rng, most: usize) -> Vec<KeyedRequest> {
        let keyed = self.keyed();
        random.choose_multiple(keyed.iter().cloned(), most)
    }

    /// A request was repeated by its key, with this answer. Where the first answer was lost, this is the first.
    pub(super) fn repeated(&self, number: usize, answer: Answer) {
        if answer == Answer::Lost {
            return;
        }
        let mut history = self.history();
        let Some(request) = history.requests.get_mut(number) else {
            return;
        };
        match (&request.answer, &answer) {
            // The first request may be on its way still, and be executed after this refusal.
            (Answer::Lost, Answer::Refused(_)) => {}
            (Answer::Lost, _) => request.answer = answer,
            _ => request.repeats.push(answer),
        }
    }

    fn keyed(&self) -> MutexGuard<'_, Vec<KeyedRequest>> {
        self.0.keyed.lock()
    }

    /// Looks at a device's commands as the host shows them. Only one may look at a device at a time.
    pub(super) async fn look_at(
        &self,
        caller: &Caller,
        device: &str,
    ) -> anyhow::Result<PolicyState> {
        let path = format!("/devices/{device}/password/status");
        let mut status = caller.get(&path).await?;
        let commands: Vec<Command> = serde_json::from_value(status["history"].take())?;
        let mut history = self.history();
        let mut pending = commands.iter().filter(|it| it.status == Status::Pending);
        if let (Some(one), Some(other)) = (pending.next(), pending.next()) {
            let two = (device.to_owned(), one.id.clone(), other.id.clone());
            history.pending_together.push(two);
        }
        let new = commands
            .into_iter()
            .filter(|command| !self.0.earlier.contains(&command.id));
        for command in new {
            let seen = history.commands.entry(command.id).or_insert_with(|| Seen {
                device: device.to_owned(),
                action: command.action,
                statuses: Vec::new(),
                late_outcome: None,
            });
            if seen.status() != Some(&command.status) {
                seen.statuses.push(command.status);
            }
            seen.late_outcome = command.late_outcome;
        }
        Ok(serde_json::from_value(status["policy_state"].take())?)
    }

    /// Returns `true` if no more events can come.
    pub(super) fn is_quiet(
        &self,
        env: &TestEnvironment,
        devices: &[Device],
    ) -> anyhow::Result<bool> {
        for device in devices {
            let agent = home(env, device).agent.read()?;
            if !agent.holding.is_empty() || !agent.unreported.is_empty() {
                return Ok(false);
            }
        }
        let mut commands = self
            .history()
            .commands
            .values()
            .cloned()
            .collect::<Vec<_>>()
            .into_iter();
        Ok(commands.all(|seen| seen.status() != Some(&Status::Pending)))
    }

    /// Looks at everything, as it is at the end.
    pub(super) async fn look_at_all(
        &self,
        caller: &Caller,
        env: &TestEnvironment,
        devices: &[Device],
    ) -> anyhow::Result<()> {
        for device in devices {
            let policy_state = self.look_at(caller, &device.id).await?;
            let shown = caller.get(&format!("/devices/{}", device.id)).await?;
            let has_policy = !shown["policy"].is_null();
            let latest = shown["latest"]["id"].as_str().map(str::to_owned);
            let mut end = self.end_of(env, device, has_policy, policy_state)?;
            end.latest = latest;
            self.history().devices.insert(device.id.clone(), end);
        }
        self.read_audit(caller).await?;
        self.verify_audit(env)
    }

    fn end_of(
        &self,
        env: &TestEnvironment,
        device: &Device,
        has_policy: bool,
        policy_state: PolicyState,
    ) -> anyhow::Result<AtTheEnd> {
        let simulated = home(env, device).device.read()?;
        let opens = |password: &str| {
            let mut copy = simulated.clone();
            copy.lock();
            copy.unlock(password).is_ok()
        };
        let history = self.history();
        let sent = history.requests.iter().rev();
        let mut sent = sent.filter_map(|request| match &request.operation {
            Operation::Reset { password, .. } if request.device == device.id => Some(password),
            _ => None,
        });
        let lock_screen = match simulated.is_password_set() {
            false => LockScreen::Open,
            true => sent
                .find(|password| opens(password))
                .map_or(LockScreen::Unknown, |it| LockScreen::Password(it.clone())),
        };
        Ok(AtTheEnd {
            applied: simulated
                .changed_for
                .iter()
                .skip(self.0.applied_earlier.get(&device.id).copied().unwrap_or(0))
                .cloned()
                .collect(),
            lock_screen,
            enforces_policy: simulated.policy.is_some(),
            has_policy,
            policy_state,
            latest: None,
        })
    }

    /// Reads the lines of the audit trail that are new.
    async fn read_audit(&self, caller: &Caller) -> anyhow::Result<()> {
        let read = self.0.audit_read.lock().0;
        let (mut lines, mut last) = (Vec::new(), read);
        let mut path = "/audit?limit=500".to_owned();
        loop {
            let page = caller.get(&path).await?;
            for line in page["lines"].as_array().context("no lines")? {
                let number = line["number"].as_u64().context("no number")?;
                last = last.max(number);
                if number > read {
                    lines.extend(about_a_command(line));
                }
            }
            let oldest = page["lines"].as_array().and_then(|lines| lines.last());
            let is_known = oldest.is_none_or(|line| line["number"].as_u64() <= Some(read + 1));
            match page["next"].as_u64() {
                Some(next) if !is_known => path = format!("/audit?limit=500&before={next}"),
                _ => break,
            }
        }
        lines.reverse();
        self.history().audit.lines.extend(lines);
        self.0.audit_read.lock().0 = last;
        Ok(())
    }

    /// Verifies the chain from its beginning. It must still contain its last line of the previous verification.
    fn verify_audit(&self, env: &TestEnvironment) -> anyhow::Result<()> {
        let mut read = self.0.audit_read.lock();
        let noted: Vec<&str> = read.1.iter().flat_map(|line| ["--noted", line]).collect();
        let output = env.verify_audit(&noted)?;
        let said = text(&output);
        self.history().audit.broken = (!output.status.success()).then(|| said.clone());
        if output.status.success() {
            read.1 = said.split_whitespace().last().map(str::to_owned);
        }
        Ok(())
    }
}

fn about_a_command(line: &Value) -> Option<Line> {
    Some(Line {
        action: line["action"].as_str()?.to_owned(),
        command: line["command"].as_str()?.to_owned(),
        detail: line["detail"].as_str().map(str::to_owned),
    })
}

/// The folder with the state of a device and its agent.
pub(super) fn home(env: &TestEnvironment, device: &Device) -> Home {
    Home::at(&env.folder().join(&device.name))
}
