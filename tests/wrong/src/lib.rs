//! The reference plugin with one rule broken, to show that the conformance kit can fail. Which one says
//! a mark in the component's data, so that one build serves for all: a test overwrites its last two
//! digits with the number of the rule. 99 stands for a plugin that breaks none, passes the kit, and
//! crashes on devices of the group `minefield` all the same.

#![cfg_attr(not(target_family = "wasm"), allow(dead_code))]

use mdm_plugin::{
    bindings::{
        exports::mdm::password::password::Guest,
        mdm::password::{
            device_store,
            secrets::Secret,
            types::{
                Action, Command, CommandId, DeviceOutlook, DeviceStatus, Failure, Note, Outcome,
                PolicyState, Refusal, ReportEffect, ResetOptions, Status, Terms,
            },
        },
    },
    component::{Plugin, foretell, request, send},
    rules::{self, Ending},
};
use std::hint::black_box;

struct Wrong;

#[cfg(target_family = "wasm")]
mdm_plugin::bindings::export!(Wrong with_types_in mdm_plugin::bindings);

/// The rule that this plugin breaks; 0: none.
fn broken_rule() -> u8 {
    static MARK: &[u8; 14] = b"breaks-rule-00";
    let mark = black_box(MARK);
    (mark[12] - b'0') * 10 + (mark[13] - b'0')
}

impl Guest for Wrong {
    fn reset(secret: &Secret, options: ResetOptions, terms: Terms) -> Result<CommandId, Refusal> {
        let mut situation = request();
        let mut measure = secret.measure();
        let mut options = options;
        match broken_rule() {
            1 => {
                // No password is too long.
                let most = situation.password_rule.maximum_length;
                measure.digits = measure.digits.min(most);
                measure.length = measure.length.min(most);
            }
            3 => {
                // Versions are compared as text.
                let version = &mut situation.device.agent_version;
                if version.as_str() < "6.9.0" {
                    *version = "0.0.0".into();
                }
            }
            // It keeps every rule, and crashes on some devices.
            99 if situation.device.groups.iter().any(|it| it == "minefield") => panic!("as asked"),
            // Options get lost.
            10 => options.lock_now = false,
            _ => {}
        }
        let sending = rules::reset(&situation, &measure, options, &terms)?;
        if broken_rule() != 11 {
            return Ok(send(sending, Some(secret)));
        }
        // The replaced command ends as cancelled.
        let ends = sending.ends;
        let plain = rules::Sending {
            command: sending.command,
            ends: None,
        };
        let id = send(plain, Some(secret));
        if let Some(Ending::Superseded(old) | Ending::Expired(old)) = ends {
            device_store::settle(&old, &Outcome::Failed(Failure::Cancelled));
        }
        Ok(id)
    }

    fn remove(terms: Terms) -> Result<CommandId, Refusal> {
        let mut situation = request();
        if broken_rule() == 7 && situation.device.policy_override.is_none() {
            // There always seems to be something to remove.
            situation.device.policy = Some(rules::types::Policy {
                requirement: rules::types::Requirement::Quality(rules::types::Quality::Numeric),
                minimum_length: 0,
            });
        }
        Ok(send(rules::remove(&situation, &terms)?, None))
    }

    fn outlook(
        action: Action,
        secret: Option<&Secret>,
        options: ResetOptions,
        terms: Terms,
    ) -> DeviceOutlook {
        let mut situation = request();
        if broken_rule() == 12 {
            // Every token seems to be active.
            situation.device.condition.token = rules::types::TokenState::Active;
        }
        let mut outlook = foretell(&situation, action, secret, options, &terms);
        if broken_rule() == 4 {
            // Nobody is told that it is best effort.
            outlook
                .notes
                .retain(|note| !matches!(note, Note::BestEffort));
        }
        outlook
    }

    fn status() -> DeviceStatus {
        let mut status = Plugin::status();
        if broken_rule() == 9 {
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
        let is_repeated = rules::report_effect(&command, &outcome) == ReportEffect::Repeated;
        match (broken_rule(), command.action, &outcome) {
            // The same outcome again seems to be another one.
            (2, ..) if is_repeated && command.late_outcome.is_none() => {
                device_store::keep_late_outcome(&command.id, &outcome);
                Ok(ReportEffect::Late)
            }
            // The reason gets lost.
            (5, _, Outcome::Failed(Failure::ExistingPassword)) => {
                let told = Failure::Other("the password was not set".into());
                Plugin::report(command, Outcome::Failed(told))
            }
            // A failed reset begins the override, too.
            (6, Action::Reset, Outcome::Failed(Failure::TokenInvalid)) if !is_repeated => {
                device_store::set_policy_override(Some(&command.id));
                Plugin::report(command, outcome)
            }
            // The override outlives the remove.
            (8, Action::Remove, Outcome::Success) if command.status == Status::Pending => {
                device_store::settle(&command.id, &outcome);
                Ok(ReportEffect::Settled)
            }
            _ => Plugin::report(command, outcome),
        }
    }

    fn cancel(command: Command) -> Result<(), Refusal> {
        Plugin::cancel(command)
    }

    fn expire(command: Command) -> Result<(), Refusal> {
        Plugin::expire(command)
    }
}
