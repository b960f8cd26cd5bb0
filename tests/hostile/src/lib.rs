//! A hostile plugin: the validity of a reset, in seconds, selects the harm. Its other functions are harmless.

#![cfg_attr(not(target_family = "wasm"), allow(dead_code))]

#[allow(missing_docs, unsafe_code, unreachable_pub, clippy::all)]
mod bindings;
mod handles;
mod memory;

use bindings::{
    exports::mdm::password::{
        password::Guest,
        plugin::{Description, Guest as About, SettingsFault},
    },
    mdm::password::{
        device_store::{self, get_situation},
        logging,
        secrets::Secret,
        settings, transport,
        types::{
            Action, Command, CommandId, DeviceFailure, DeviceOutcome, DevicePreview, DeviceStatus,
            Failure, NewCommand, Outcome, PasswordFault, PolicyOverride, PolicyState, Refusal,
            ReportEffect, Request, ResetOptions, Verdict, Wait,
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

/// Its description. A test overwrites the name in the component's data by another text of the same length.
static NAME: &[u8; 16] = b"a-hostile-plugin";

impl About for Hostile {
    fn describe() -> Description {
        Description {
            name: String::from_utf8_lossy(black_box(NAME)).into_owned(),
            version: "1.0.0".into(),
            summary: "does harm".into(),
            settings_schema: r#"{"type": "object"}"#.into(),
            default_settings: "{}".into(),
        }
    }

    /// The settings select the harm.
    fn check_settings(settings: String) -> Result<(), Vec<SettingsFault>> {
        let fault = |field: String, message: String| SettingsFault { field, message };
        match settings.trim() {
            r#"{"harm": "panic"}"# => panic!("as asked"),
            r#"{"harm": "time"}"# => loop {
                black_box(&settings);
            },
            r#"{"harm": "situation"}"# => {
                get_situation();
                Ok(())
            }
            r#"{"harm": "long text"}"# => Err(vec![fault("x".repeat(2000), String::new())]),
            r#"{"harm": "many faults"}"# => Err((0..100)
                .map(|_| fault("/harm".into(), "no".into()))
                .collect()),
            r#"{"harm": "refused"}"# => Err(vec![fault(
                "/harm".into(),
                "\u{1b}[2J is not a harm".into(),
            )]),
            _ => Ok(()),
        }
    }
}

impl Guest for Hostile {
    fn reset(secret: &Secret, request: Request) -> Result<CommandId, Refusal> {
        let calls = CALLS.fetch_add(1, Ordering::Relaxed);
        let sent = send(Some(secret));
        match request.valid_for.unwrap_or(0) {
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
                let outcome = failed(DeviceFailure::Other("x".repeat(10 << 20)));
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
                let outcome = failed(DeviceFailure::Other("x".repeat(1025)));
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
                black_box(get_situation());
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
            30 => device_store::keep_late_outcome(&pending(), &DeviceOutcome::Success),
            31 => {
                device_store::keep_late_outcome("somebody-elses-command", &DeviceOutcome::Success)
            }
            32 => {
                send_command(Action::Remove, Some(secret), None);
            }
            33 => return Err(Refusal::Other("x".repeat(1025))),
            34 => return Err(Refusal::PasswordRefused(vec![PasswordFault::Guessable; 65])),
            35 => {
                supersede_pending(&sent);
                return Ok(send_command(Action::Remove, None, None));
            }
            36 => {
                let long = "x".repeat(1 << 20);
                logging::log(logging::Level::Error, &long);
            }
            37 => {
                for number in 0..10_000 {
                    logging::log(
                        logging::Level::Warn,
                        &format!("message {number} \u{1b}[31m"),
                    );
                }
            }
            38 => {
                logging::log(logging::Level::Critical, "about to panic");
                panic!("as asked");
            }
            _ => {}
        }
        supersede_pending(&sent);
        Ok(sent)
    }

    fn remove(_: Request) -> Result<CommandId, Refusal> {
        Err(Refusal::NothingToRemove)
    }

    fn preview(_: Action, _: Option<&Secret>, _: Request) -> DevicePreview {
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
        let situation = get_situation();
        DeviceStatus {
            latest: situation.latest,
            policy_state: policy_state(),
            remove_offered: false,
            password_rule: situation.deployment.password_rule,
        }
    }

    fn policy_override() -> PolicyState {
        fails_in_group("fails-policy-override");
        changes_in_a_question();
        policy_state()
    }

    fn report(_: Command, _: DeviceOutcome) -> Result<ReportEffect, Refusal> {
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

fn failed(failure: DeviceFailure) -> Outcome {
    Outcome::Failed(Failure::Device(failure))
}

/// Fails for a device of this group, after a message with a control character.
fn fails_in_group(group: &str) {
    if is_in_group(group) {
        logging::log(
            logging::Level::Error,
            &format!("the device is in {group}\u{1b}[2J"),
        );
        panic!("as asked");
    }
}

fn is_in_group(group: &str) -> bool {
    let groups = get_situation().device.groups;
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

/// Completes the pending command in a query.
fn changes_in_a_question() {
    if is_in_group("changes-in-questions") {
        device_store::complete(&pending(), &Outcome::Success);
    }
}

/// The pending command; any text if there is none.
fn pending() -> CommandId {
    let pending = get_situation().pending;
    pending.map_or_else(|| "no command".into(), |command| command.id)
}

/// Handles the pending command as a conforming plugin does.
fn supersede_pending(sent: &str) {
    if let Some(pending) = get_situation().pending {
        let superseded = Outcome::Failed(Failure::Superseded(sent.to_owned()));
        device_store::complete(&pending.id, &superseded);
    }
}

fn send(secret: Option<&Secret>) -> CommandId {
    send_until(secret, None)
}

fn send_until(secret: Option<&Secret>, expires_at: Option<u64>) -> CommandId {
    send_command(Action::Reset, secret, expires_at)
}

fn send_command(action: Action, secret: Option<&Secret>, expires_at: Option<u64>) -> CommandId {
    let options = ResetOptions::empty();
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
    logging::log(logging::Level::Trace, "");
    if depth == u64::MAX {
        return 0;
    }
    deeper_without_memory(depth + 1).rotate_left(7) ^ depth
}

/// Exhausts the stack in the plugin's own memory.
#[allow(unconditional_recursion)]
fn deeper(depth: u64) {
    let page = black_box([depth; 512]);
    deeper(page[0] + 1);
    black_box(page);
}
