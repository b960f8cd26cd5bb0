//! The reference plugin with one rule broken, to show that the conformance kit can fail. Which one, and in
//! which way, says a mark in the component's data, so that one build serves for all: a test overwrites its
//! last three characters with the number of the rule and a letter for the way, `a` for the first.
//!
//! Rule 0 is none: its ways are plugins that keep every rule, and choose otherwise than the reference where
//! the contract lets them. The numbers from 90 stand beside the rules: 97 keeps every rule but on devices of the
//! group `vip`, where it looks for no conflict; 98 refuses in its own words what no plugin may refuse so; 99 keeps
//! every rule, and crashes on devices of the group `minefield` all the same.

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
            // A failed command is not shown.
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
