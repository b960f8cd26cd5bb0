//! The load: clients that reset, remove, replace and cancel, all of them at once, in an order that a seed decides.

use super::{
    caller::Caller,
    record::{KeyedRequest, Record},
};
use crate::checker::{Answer, History, Operation};
use anyhow::ensure;
use fastrand::Rng;
use mdm_contract::CommandId;
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{runtime::Handle, task::JoinHandle, time::sleep};

/// Clients of each device: they conflict with each other.
const CLIENTS: u64 = 2;

/// The longest that a client pauses between two requests, in milliseconds.
const MAX_BACKOFF: u64 = 60;

/// The number of repeats of a request with an idempotency key whose response was lost, with this pause.
const REPEATS: usize = 20;
const REPEATS_AFTER: Duration = Duration::from_millis(100);

/// Clients at work.
pub(super) struct Load {
    is_over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
}

struct Client {
    caller: Caller,
    record: Record,
    device: String,
    random: Rng,
    is_over: Arc<AtomicBool>,
    /// The command that it takes to be pending.
    pending: Option<CommandId>,
}

/// Sends a request with a key again, once, and keeps the answer.
pub(super) async fn repeat(caller: &Caller, record: &Record, request: &KeyedRequest) {
    let KeyedRequest {
        path, body, key, ..
    } = request;
    let answer = match caller.post(path, body, Some(key)).await {
        Some((status, _)) if status.is_server_error() => Answer::Lost,
        Some((status, said)) => heard(record, status, &said),
        None => Answer::Lost,
    };
    record.repeated(request.number, answer);
}

impl Load {
    /// Begins.
    pub(super) fn on(runtime: &Handle, caller: &Caller, record: &Record, random: &mut Rng) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let mut clients = Vec::new();
        for device in record.devices() {
            for _ in 0..CLIENTS {
                let client = Client {
                    caller: caller.clone(),
                    record: record.clone(),
                    device: device.clone(),
                    random: random.fork(),
                    is_over: Arc::clone(&is_over),
                    pending: None,
                };
                clients.push(runtime.spawn(client.work()));
            }
            let (record, caller) = (record.clone(), caller.clone());
            let is_over = Arc::clone(&is_over);
            // Outcomes are looked at all the time: none may ever change.
            clients.push(runtime.spawn(async move {
                while !is_over.load(Ordering::Relaxed) {
                    let _ = record.look_at(&caller, &device).await;
                    sleep(Duration::from_millis(40)).await;
                }
            }));
        }
        Self { is_over, clients }
    }

    /// Resets each device once, and waits until the host has accepted it.
    pub(super) async fn reset_each(
        caller: &Caller,
        record: &Record,
        random: &mut Rng,
    ) -> anyhow::Result<()> {
        for device in record.devices() {
            let mut client = Client {
                caller: caller.clone(),
                record: record.clone(),
                device,
                random: random.fork(),
                is_over: Arc::default(),
                pending: None,
            };
            let reset = Operation::Reset {
                password: record.new_password(),
                replaces: None,
            };
            let answer = client.ask(reset).await;
            ensure!(
                matches!(answer, Answer::Accepted(_)),
                "a reset of {} was answered with {answer:?}",
                client.device
            );
        }
        Ok(())
    }

    /// Ends, once each client has its last answer, or will have none.
    pub(super) async fn end(self) -> anyhow::Result<()> {
        self.is_over.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.await?;
        }
        Ok(())
    }
}

impl Client {
    async fn work(mut self) {
        while !self.is_over.load(Ordering::Relaxed) {
            if self.random.u8(0..8) == 0 {
                for request in self.record.some_keyed(&mut self.random, 1) {
                    repeat(&self.caller, &self.record, &request).await;
                }
            }
            let operation = self.wish();
            let ends = matches!(operation, Operation::Cancel(_));
            let answer = self.ask(operation).await;
            match answer {
                Answer::Accepted(command) if !ends => self.pending = Some(command),
                Answer::Lost => {}
                _ if ends => self.pending = None,
                _ => {}
            }
            let pause = self.random.u64(0..MAX_BACKOFF);
            sleep(Duration::from_millis(pause)).await;
        }
    }

    fn wish(&mut self) -> Operation {
        let replaces = self.pending.clone().filter(|_| self.random.u8(0..3) == 0);
        match self.random.u8(0..10) {
            0..2 => Operation::Remove { replaces },
            2..4 if self.pending.is_some() => {
                Operation::Cancel(self.pending.take().unwrap_or_default())
            }
            _ => Operation::Reset {
                password: self.record.new_password(),
                replaces,
            },
        }
    }

    async fn ask(&mut self, operation: Operation) -> Answer {
        let device = &self.device;
        let number = self.record.asks(device, operation.clone());
        let terms = |replaces| json!({"replaces": replaces});
        let (path, body) = match operation {
            Operation::Reset { password, replaces } => (
                format!("/devices/{device}/password/reset"),
                json!({
                    "password": password,
                    "options": if self.random.bool() { vec!["lock-now"] } else { vec![] },
                    "terms": terms(replaces),
                    "reason": History::reason(number),
                }),
            ),
            Operation::Remove { replaces } => (
                format!("/devices/{device}/password/remove"),
                terms(replaces),
            ),
            Operation::Cancel(command) => (
                format!("/devices/{device}/commands/{command}/cancel"),
                json!({}),
            ),
        };
        // A request with an idempotency key is repeated; without one, its result stays unknown.
        let has_key = self.random.bool() && self.caller.has_keys;
        let key = has_key.then(|| self.record.key(number));
        let mut answer = Answer::Lost;
        for attempt in 0..REPEATS {
            match self.caller.post(&path, &body, key.as_deref()).await {
                // That the host can't serve now says nothing of what it did before.
                Some((status, _)) if attempt > 0 && status.is_server_error() => {}
                Some((status, said)) => match self.heard(status, &said) {
                    // The first request may be on its way still, and be executed after this refusal.
                    Answer::Refused(_) if attempt > 0 => break,
                    heard => answer = heard,
                },
                None => {}
            }
            if answer != Answer::Lost || key.is_none() {
                break;
            }
            sleep(REPEATS_AFTER).await;
        }
        self.record.answered(number, answer.clone());
        if let Some(key) = key {
            self.record.keep_keyed(KeyedRequest {
                number,
                path,
                body,
                key,
            });
        }
        answer
    }

    /// Records a response.
    fn heard(&mut self, status: StatusCode, said: &Value) -> Answer {
        if said["type"] == "conflict" {
            self.pending = said["command"].as_str().map(str::to_owned);
        }
        heard(&self.record, status, said)
    }
}

/// Converts a response for the history.
fn heard(record: &Record, status: StatusCode, said: &Value) -> Answer {
    let text = |name: &str| said[name].as_str().unwrap_or_default().to_owned();
    if status.is_success() {
        return Answer::Accepted(text("id"));
    }
    // That the host can't serve now says nothing of what it did before.
    match record.is_uncertain(status) {
        true => Answer::Lost,
        false => Answer::Refused(text("type")),
    }
}
