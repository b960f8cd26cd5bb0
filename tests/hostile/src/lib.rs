//! A hostile plugin: the validity of a reset, in seconds, selects the harm. Its other functions are harmless.

#![cfg_attr(not(target_family = "wasm"), allow(dead_code))]

#[allow(missing_docs, unsafe_code, unreachable_pub, clippy::all)]
mod bindings;
mod handles;
mod memory;

use bindings::{
    exports::mdm::password::password::Guest,
    mdm::password::{
        clock, device_store,
        secrets::Secret,
        transport,
        types::{
            Action, Command, CommandId, DevicePreview, DeviceStatus, Failure, NewCommand, Outcome,
            PasswordFault, PolicyOverride, PolicyState, Refusal, ReportEffect, ResetOptions, Terms,
            Verdict, Wait,
        },
    },
};
use std::{
    hint::black_box,
    sync::atomic::{AtomicU64, Ordering},
};

struct Hostile;

#[cfg(target_family = "wasm")]
#[allow(missing_docs, unsafe_code, unreachable_pub, clippy::all)]
mod export {
    use super::Hostile;

    crate::bindings::export!(Hostile with_types_in crate::bindings);
}

/// The group of devices for which it returns times outside the calendar.
const FAR_TIMES: &str = "tells-far-times";
const FAR: u64 = 1 << 60;

static CALLS: AtomicU64 = AtomicU64::new(0);

impl Guest for Hostile {
    fn reset(secret: &Secret, _: ResetOptions, terms: Terms) -> Result<CommandId, Refusal> {
        let calls = CALLS.fetch_add(1, Ordering::Relaxed);
        let sent = send(Some(secret));
        match terms.valid_for.unwrap_or(0) {
            1 => loop {
                black_box(calls);
            },
            2 => {
                let mut hoard: Vec<Vec<u8>> = Vec::new();
                loop {
                    hoard.push(vec![1; 1 << 20]);
                    black_box(&hoard);
                }
            }
            3 => panic!("as asked"),
            4 => deeper(calls),
            5 => device_store::complete("somebody-elses-command", &Outcome::Success),
            6 => {
                device_store::complete(&sent, &Outcome::Success);
                device_store::complete(&sent, &Outcome::Success);
            }
            7 => {
                send(None);
            }
            8 => loop {
                send(Some(secret));
            },
            9 => return Err(Refusal::Other("changed its mind after sending".into())),
            10 => {
                return Err(Refusal::Other(format!(
                    "this instance was called {calls} times before"
                )));
            }
            11 => device_store::set_policy_override(Some("somebody-elses-command")),
            12 => loop {
                secret.guessability();
            },
            13 => {
                let fault = PasswordFault::Other("x".repeat(1000));
                return Err(Refusal::PasswordRefused(vec![fault; 20_000]));
            }
            14 => {
                let outcome = Outcome::Failed(Failure::Other("x".repeat(10 << 20)));
                device_store::complete(&sent, &outcome);
            }
            15 => {
                let faults = vec![PasswordFault::Guessable; 2_000_000];
                return Err(Refusal::PasswordRefused(faults));
            }
            16 => {
                send_until(Some(secret), Some(1 << 60));
            }
            17 => return Ok("a-command-that-was-never-sent".into()),
            18 => {
                let outcome = Outcome::Failed(Failure::Other("x".repeat(1025)));
                device_store::complete(&sent, &outcome);
            }
            19 => {
                send_until(Some(secret), Some(1));
            }
            20 => return Err(Refusal::Other(spy(secret))),
            21 => return Err(Refusal::Other(handles::keep(secret))),
            22 => handles::drop_twice(secret),
            23 => return Err(Refusal::Other(memory::four_gibibytes())),
            24 => return Err(Refusal::Other(deeper_without_memory(calls).to_string())),
            25 => loop {
                black_box((device_store::get_device(), clock::now()));
            },
            26 => device_store::complete(&"x".repeat(100_000), &Outcome::Success),
            // Leaves the pending command unchanged.
            27 => return Ok(sent),
            28 => {
                send(Some(secret));
            }
            29 => {
                let replaced = pending();
                device_store::complete(&replaced, &Outcome::Success);
                device_store::complete(&replaced, &Outcome::Success);
            }
            30 => device_store::keep_late_outcome(&pending(), &Outcome::Success),
            31 => device_store::keep_late_outcome("somebody-elses-command", &Outcome::Success),
            32 => {
                send_command(Action::Remove, Some(secret), None);
            }
            33 => return Err(Refusal::Other("x".repeat(1025))),
            34 => return Err(Refusal::PasswordRefused(vec![PasswordFault::Guessable; 65])),
            35 => {
                supersede_pending(&sent);
                return Ok(send_command(Action::Remove, None, None));
            }
            _ => {}
        }
        supersede_pending(&sent);
        Ok(sent)
    }

    fn remove(_: Terms) -> Result<CommandId, Refusal> {
        Err(Refusal::NothingToRemove)
    }

    fn preview(_: Action, _: Option<&Secret>, _: ResetOptions, _: Terms) -> DevicePreview {
        changes_in_a_question();
        let verdict = match is_in_group(FAR_TIMES) {
            true => Verdict::WillWait(Wait::DeviceOffline(FAR)),
            false => Verdict::WillSucceed,
        };
        DevicePreview {
            verdict,
            remedy: None,
            notes: vec![],
        }
    }

    fn status() -> DeviceStatus {
        changes_in_a_question();
        DeviceStatus {
            latest: device_store::get_latest(),
            policy_state: policy_state(),
            remove_offered: false,
            password_rule: device_store::get_password_rule(),
        }
    }

    fn policy_override() -> PolicyState {
        fails_in_group("fails-policy-override");
        changes_in_a_question();
        policy_state()
    }

    fn report(_: Command, _: Outcome) -> Result<ReportEffect, Refusal> {
        Ok(ReportEffect::Repeated)
    }

    fn cancel(command: Command) -> Result<(), Refusal> {
        if is_in_group("sends-in-cancel") {
            device_store::complete(&command.id, &Outcome::Failed(Failure::Cancelled));
            send_command(Action::Remove, None, None);
            return Ok(());
        }
        Err(Refusal::NotPending(command.id))
    }

    fn expire(command: Command) -> Result<(), Refusal> {
        fails_in_group("fails-expire");
        Err(Refusal::NotExpired(command.id))
    }
}

/// Fails for a device of this group.
fn fails_in_group(group: &str) {
    assert!(!is_in_group(group), "as asked");
}

fn is_in_group(group: &str) -> bool {
    let groups = device_store::get_device().groups;
    groups.iter().any(|it| it == group)
}

fn policy_state() -> PolicyState {
    match is_in_group(FAR_TIMES) {
        true => PolicyState::Overridden(PolicyOverride {
            command: "a-command".into(),
            since: FAR,
        }),
        false => PolicyState::None,
    }
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
    secret.metrics();
    look("secret.metrics");
    secret.guessability();
    look("secret.guessability");
    transport::get_capabilities();
    transport::is_online();
    clock::now();
    look("clock.now");
    let _command = (device_store::get_pending(), device_store::get_latest());
    let _rule = device_store::get_password_rule();
    look("device-store.get-password-rule");
    let _device = device_store::get_device();
    look("device-store.get-device");
    format!("found after {found:?}")
}

/// Completes the pending command in a query.
fn changes_in_a_question() {
    if is_in_group("changes-in-questions") {
        device_store::complete(&pending(), &Outcome::Success);
    }
}

/// The pending command; any text if there is none.
fn pending() -> CommandId {
    let pending = device_store::get_pending();
    pending.map_or_else(|| "no command".into(), |command| command.id)
}

/// Handles the pending command as a conforming plugin does.
fn supersede_pending(sent: &str) {
    let pending = pending();
    if pending != sent {
        let superseded = Outcome::Failed(Failure::Superseded(sent.to_owned()));
        device_store::complete(&pending, &superseded);
    }
}

fn send(secret: Option<&Secret>) -> CommandId {
    send_until(secret, None)
}

fn send_until(secret: Option<&Secret>, expires_at: Option<u64>) -> CommandId {
    send_command(Action::Reset, secret, expires_at)
}

fn send_command(action: Action, secret: Option<&Secret>, expires_at: Option<u64>) -> CommandId {
    let options = ResetOptions {
        lock_now: false,
        require_entry: false,
        no_credentials_on_boot: false,
    };
    transport::send(
        NewCommand {
            action,
            options,
            expires_at,
        },
        secret,
    )
}

/// Exhausts the engine's stack, without using the plugin's own memory.
fn deeper_without_memory(depth: u64) -> u64 {
    let now = clock::now();
    if now == depth {
        return 0;
    }
    deeper_without_memory(depth + 1).rotate_left(7) ^ now
}

/// Exhausts the stack in the plugin's own memory.
#[allow(unconditional_recursion)]
fn deeper(depth: u64) {
    let page = black_box([depth; 512]);
    deeper(page[0] + 1);
    black_box(page);
}
