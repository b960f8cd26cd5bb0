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
        exports::mdm::password::password::Guest,
        mdm::password::{
            secrets::Secret,
            types::{
                Action, Command, CommandId, DevicePreview, DeviceStatus, Outcome, PolicyState,
                Refusal, ReportEffect, ResetOptions, Status, Terms,
            },
        },
    },
    component::Plugin,
};

struct Wrong;

#[cfg(target_family = "wasm")]
mdm_password_plugin::bindings::export!(Wrong with_types_in mdm_password_plugin::bindings);

/// The answer of number 98 to everything but a reset and its preview.
fn refuse() -> Result<(), Refusal> {
    match breach() {
        (98, _) => Err(Refusal::Other("not today".into())),
        _ => Ok(()),
    }
}

impl Guest for Wrong {
    fn reset(secret: &Secret, options: ResetOptions, terms: Terms) -> Result<CommandId, Refusal> {
        request::reset(secret, options, terms)
    }

    fn remove(terms: Terms) -> Result<CommandId, Refusal> {
        refuse()?;
        request::remove(terms)
    }

    fn preview(
        action: Action,
        secret: Option<&Secret>,
        options: ResetOptions,
        terms: Terms,
    ) -> DevicePreview {
        preview::preview(action, secret, options, terms)
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

    fn report(command: Command, outcome: Outcome) -> Result<ReportEffect, Refusal> {
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
