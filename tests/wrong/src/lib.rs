//! The reference plugin with one rule broken, to show that the conformance kit can fail. A mark in the component's data
//! selects the breach, so that one build serves for all: a test overwrites its last three characters with the number of
//! the rule and a letter for the variant, beginning with `a`.
//!
//! | number | breach |
//! | --- | --- |
//! | 0 | none: conforming choices that differ from the reference |
//! | 97 | keeps every rule, except that it ignores conflicts on devices of the group `vip` |
//! | 98 | refuses by `other` in functions that may not |
//! | 99 | keeps every rule, but crashes on devices of the group `minefield` |

#![cfg_attr(not(target_family = "wasm"), allow(dead_code))]

mod breach;
mod preview;
mod report;
mod request;

use breach::breach;
use mdm_password_plugin::{
    bindings::{
        exports::mdm::password::{
            password::Guest,
            plugin::{Description, Guest as About, SettingsFault},
        },
        mdm::password::{
            secrets::Secret,
            types::{
                Action, Command, CommandId, DeviceOutcome, DevicePreview, DeviceStatus,
                PolicyState, Refusal, ReportEffect, Request, Status,
            },
        },
    },
    component::Plugin,
};

struct Wrong;

#[cfg(target_family = "wasm")]
mdm_password_plugin::bindings::export!(Wrong with_types_in mdm_password_plugin::bindings);

impl About for Wrong {
    fn describe() -> Description {
        Plugin::describe()
    }

    fn check_settings(settings: String) -> Result<(), Vec<SettingsFault>> {
        Plugin::check_settings(settings)
    }
}

/// The answer of number 98 to everything but a request and its preview.
fn refuse() -> Result<(), Refusal> {
    match breach() {
        (98, _) => Err(Refusal::Other("not today".into())),
        _ => Ok(()),
    }
}

impl Guest for Wrong {
    fn reset(secret: &Secret, request: Request) -> Result<CommandId, Refusal> {
        request::reset(secret, request)
    }

    fn remove(request: Request) -> Result<CommandId, Refusal> {
        refuse()?;
        request::remove(request)
    }

    fn preview(action: Action, secret: Option<&Secret>, request: Request) -> DevicePreview {
        preview::preview(action, secret, request)
    }

    fn status() -> DeviceStatus {
        let mut status = Plugin::status();
        if breach() == (9, b'a') {
            // It hides a failed command.
            status.latest = status
                .latest
                .filter(|command| !matches!(command.status, Status::Failed(_)));
        }
        status
    }

    fn policy_override() -> PolicyState {
        Plugin::policy_override()
    }

    fn report(command: Command, outcome: DeviceOutcome) -> Result<ReportEffect, Refusal> {
        refuse()?;
        report::report(command, outcome)
    }

    fn cancel(command: Command) -> Result<(), Refusal> {
        refuse()?;
        Plugin::cancel(command)
    }

    fn expire(command: Command) -> Result<(), Refusal> {
        refuse()?;
        Plugin::expire(command)
    }
}
