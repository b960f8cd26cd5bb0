//! The attempts during `reset`.

use crate::{
    FAR,
    bindings::mdm::password::{
        device_store::{self, get_situation},
        logging,
        secrets::Secret,
        settings,
        types::{
            Action, CommandId, DeviceFailure, DeviceOutcome, Failure, Outcome, PasswordFault,
            Refusal,
        },
    },
    commands, handles, memory, settings_attempt,
};
use std::{
    hint::black_box,
    sync::atomic::{AtomicU64, Ordering},
};

static CALLS: AtomicU64 = AtomicU64::new(0);

/// Sends a command, makes the attempt, and ends the pending command. An attempt breaks one promise and no other, where
/// that can be: a host that lets it pass then has no other reason to fail the call.
pub(crate) fn make(secret: &Secret, attempt: &str) -> Result<CommandId, Refusal> {
    let calls = CALLS.fetch_add(1, Ordering::Relaxed);
    let sent = match attempt {
        "send-without-secret" => reset(None),
        "send-remove-with-secret" => commands::send(Action::Remove, Some(secret), None),
        "send-remove" => commands::send(Action::Remove, None, None),
        "expire-after-calendar" => commands::send(Action::Reset, Some(secret), Some(FAR)),
        "expire-in-past" => commands::send(Action::Reset, Some(secret), Some(1)),
        _ => reset(Some(secret)),
    };
    match attempt {
        "spin" => loop {
            black_box(calls);
        },
        "exhaust-memory" => {
            let mut hoard: Vec<Vec<u8>> = Vec::new();
            loop {
                hoard.push(vec![1; 1 << 20]);
                black_box(&hoard);
            }
        }
        "panic" => panic!("as asked"),
        "exhaust-own-stack" => exhaust_own_stack(calls),
        "complete-foreign-command" => {
            device_store::complete("somebody-elses-command", &Outcome::Success)
        }
        "complete-sent-command" => device_store::complete(&sent, &Outcome::Success),
        "send-without-end" => loop {
            reset(Some(secret));
        },
        "refuse-after-send" => return Err(Refusal::Other("changed its mind after sending".into())),
        "count-calls" => {
            return Err(Refusal::Other(format!(
                "this instance was called {calls} times before"
            )));
        }
        "override-by-foreign-command" => {
            device_store::set_policy_override(Some("somebody-elses-command"))
        }
        "guess-without-end" => loop {
            secret.guessability();
        },
        "return-megabytes" => {
            let fault = PasswordFault::Other("x".repeat(1000));
            return Err(Refusal::PasswordRefused(vec![fault; 20_000]));
        }
        "complete-with-megabytes" => {
            let outcome = failed(DeviceFailure::Other("x".repeat(10 << 20)));
            device_store::complete(&commands::pending(), &outcome);
            return Ok(sent);
        }
        "return-many-elements" => {
            let faults = vec![PasswordFault::Guessable; 2_000_000];
            return Err(Refusal::PasswordRefused(faults));
        }
        "return-unsent-id" => return Ok("a-command-that-was-never-sent".into()),
        "complete-with-long-text" => {
            let outcome = failed(DeviceFailure::Other("x".repeat(1025)));
            device_store::complete(&commands::pending(), &outcome);
            return Ok(sent);
        }
        "search-memory" => return Err(Refusal::Other(spy(secret))),
        "keep-handle" => return Err(Refusal::Other(handles::keep(secret))),
        "drop-handle-twice" => handles::drop_twice(secret),
        "return-four-gibibytes" => return Err(Refusal::Other(memory::four_gibibytes())),
        "exhaust-stack" => return Err(Refusal::Other(exhaust_stack(calls).to_string())),
        "read-without-end" => loop {
            black_box(get_situation());
        },
        "complete-long-id" => device_store::complete(&"x".repeat(100_000), &Outcome::Success),
        // Leaves the pending command unchanged.
        "leave-pending" => return Ok(sent),
        "send-twice" => {
            reset(Some(secret));
        }
        "complete-pending-twice" => {
            let replaced = commands::pending();
            device_store::complete(&replaced, &Outcome::Success);
            device_store::complete(&replaced, &Outcome::Success);
            return Ok(sent);
        }
        "keep-late-of-pending" => {
            device_store::keep_late_outcome(&commands::pending(), &DeviceOutcome::Success)
        }
        "keep-late-of-foreign-command" => {
            device_store::keep_late_outcome("somebody-elses-command", &DeviceOutcome::Success)
        }
        "refuse-with-long-text" => return Err(Refusal::Other("x".repeat(1025))),
        "refuse-with-many-faults" => {
            return Err(Refusal::PasswordRefused(vec![PasswordFault::Guessable; 65]));
        }
        "log-megabyte" => {
            let long = "x".repeat(1 << 20);
            logging::log(logging::Level::Error, &long);
        }
        "log-ten-thousand" => {
            for number in 0..10_000 {
                logging::log(
                    logging::Level::Warn,
                    &format!("message {number} \u{1b}[31m"),
                );
            }
        }
        "tell-settings" => {
            return Err(Refusal::Other(
                settings_attempt::named_in(&settings::get()).to_owned(),
            ));
        }
        "read-after-send" => {
            let before = format!("{:?}", get_situation());
            device_store::set_policy_override(Some(&sent));
            let is_same = before == format!("{:?}", get_situation());
            let verdict = if is_same { "the same" } else { "another" };
            return Err(Refusal::Other(format!("the situation is {verdict}")));
        }
        "log-and-panic" => {
            logging::log(logging::Level::Critical, "about to panic");
            panic!("as asked");
        }
        _ => {}
    }
    commands::supersede_pending(&sent);
    Ok(sent)
}

fn reset(secret: Option<&Secret>) -> CommandId {
    commands::send(Action::Reset, secret, None)
}

fn failed(failure: DeviceFailure) -> Outcome {
    Outcome::Failed(Failure::Device(failure))
}

/// Calls every import, and returns the one after which the mark is in its memory.
fn spy(secret: &Secret) -> String {
    let mut found = Vec::new();
    let mut look = |after: &'static str| {
        if memory::holds_it() {
            found.push(after);
        }
    };
    look("transport.send");
    secret.guessability();
    look("secret.guessability");
    let _settings = settings::get();
    look("settings.get");
    logging::log(logging::Level::Info, "searching");
    look("logging.log");
    let _situation = get_situation();
    look("device-store.get-situation");
    format!("found after {found:?}")
}

/// Exhausts the engine's stack, without using the plugin's own memory.
fn exhaust_stack(depth: u64) -> u64 {
    logging::log(logging::Level::Trace, "");
    if depth == u64::MAX {
        return 0;
    }
    exhaust_stack(depth + 1).rotate_left(7) ^ depth
}

/// Exhausts the stack in the plugin's own memory.
#[allow(unconditional_recursion)]
fn exhaust_own_stack(depth: u64) {
    let page = black_box([depth; 512]);
    exhaust_own_stack(page[0] + 1);
    black_box(page);
}
