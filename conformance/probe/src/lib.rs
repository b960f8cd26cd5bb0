//! The probe: a plugin that tries to break the promises of a host. The reason of a request names the attempt; in the
//! other functions, a group of the device; in `check-settings`, the settings. Without one, it decides as a plugin that
//! accepts every reset.

#![cfg_attr(not(target_family = "wasm"), allow(dead_code))]

mod attempt;
#[allow(missing_docs, unsafe_code, unreachable_pub, clippy::all)]
mod bindings;
mod commands;
mod handles;
mod memory;
mod settings_attempt;

use bindings::{
    exports::mdm::password::{
        password::Guest,
        plugin::{Description, Guest as About, SettingsFault},
    },
    mdm::password::{
        device_store::{self, get_situation},
        logging,
        secrets::Secret,
        types::{
            Action, Command, CommandId, DeviceOutcome, DevicePreview, DeviceStatus, Failure,
            Outcome, PolicyOverride, PolicyState, Refusal, ReportEffect, Request, Verdict, Wait,
        },
    },
};
use std::hint::black_box;

struct Probe;

#[cfg(target_family = "wasm")]
#[allow(missing_docs, unsafe_code, unreachable_pub, clippy::all)]
mod export {
    use super::Probe;

    crate::bindings::export!(Probe with_types_in crate::bindings);
}

/// A time beyond the contract's calendar.
const FAR: u64 = 1 << 60;

/// Its description. The kit overwrites the name in the component's data by another text of the same length.
static NAME: &[u8; 16] = b"the-probe-plugin";

impl About for Probe {
    fn describe() -> Description {
        Description {
            name: String::from_utf8_lossy(black_box(NAME)).into_owned(),
            version: "1.0.0".into(),
            summary: "tries to break the promises of a host".into(),
            settings_schema: r#"{"type": "object", "properties": {"attempt": {"type": "string"}}}"#
                .into(),
            default_settings: "{}".into(),
        }
    }

    fn check_settings(settings: String) -> Result<(), Vec<SettingsFault>> {
        settings_attempt::make(&settings)
    }
}

impl Guest for Probe {
    fn reset(secret: &Secret, request: Request) -> Result<CommandId, Refusal> {
        attempt::make(secret, request.reason.as_deref().unwrap_or_default())
    }

    fn remove(_: Request) -> Result<CommandId, Refusal> {
        Err(Refusal::NothingToRemove)
    }

    fn preview(_: Action, _: Option<&Secret>, _: Request) -> DevicePreview {
        completes_in_query();
        let verdict = match is_in_group("return-time-after-calendar") {
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
        completes_in_query();
        let situation = get_situation();
        DeviceStatus {
            latest: situation.latest,
            policy_state: policy_state(),
            remove_offered: false,
            password_rule: situation.deployment.password_rule,
        }
    }

    fn policy_override() -> PolicyState {
        panics_in_group("panic-in-policy-override");
        completes_in_query();
        policy_state()
    }

    fn report(command: Command, outcome: DeviceOutcome) -> Result<ReportEffect, Refusal> {
        if is_in_group("complete-in-report") {
            let outcome = match outcome {
                DeviceOutcome::Success => Outcome::Success,
                DeviceOutcome::Failed(failure) => Outcome::Failed(Failure::Device(failure)),
            };
            device_store::complete(&command.id, &outcome);
            return Ok(ReportEffect::Completed);
        }
        Ok(ReportEffect::Repeated)
    }

    fn cancel(command: Command) -> Result<(), Refusal> {
        if is_in_group("send-in-cancel") {
            device_store::complete(&command.id, &Outcome::Failed(Failure::Cancelled));
            commands::send(Action::Remove, None, None);
            return Ok(());
        }
        Err(Refusal::NotPending(command.id))
    }

    fn expire(command: Command) -> Result<(), Refusal> {
        panics_in_group("panic-in-expire");
        Err(Refusal::NotExpired(command.id))
    }
}

/// Fails for a device of this group, after a message with a control character.
fn panics_in_group(group: &str) {
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
    match is_in_group("return-time-after-calendar") {
        true => PolicyState::Overridden(PolicyOverride {
            command: "a-command".into(),
            since: FAR,
        }),
        false => PolicyState::None,
    }
}

fn completes_in_query() {
    if is_in_group("complete-in-query") {
        device_store::complete(&commands::pending(), &Outcome::Success);
    }
}
