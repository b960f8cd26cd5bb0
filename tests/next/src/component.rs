//! The exports: each reads the situation, and makes the effects that its rule decides.

use crate::{
    bindings::{
        exports::mdm::password::{
            password::Guest as Password,
            plugin::{Description, Guest as About, SettingsFault},
        },
        mdm::password::{
            device_store::{self, get_situation},
            secrets::Secret,
            transport,
            types::{
                Action, Command, CommandId, DeviceOutcome, DevicePreview, DeviceStatus,
                PolicyState, Refusal, ReportEffect, Request, Situation,
            },
        },
    },
    own_rule,
    rules::{self, Ending, OverrideChange, Sending},
};

/// The component.
pub struct Plugin;

impl About for Plugin {
    fn describe() -> Description {
        own_rule::description()
    }

    fn check_settings(settings: String) -> Result<(), Vec<SettingsFault>> {
        own_rule::check_settings(&settings)
    }
}

impl Password for Plugin {
    fn reset(secret: &Secret, request: Request) -> Result<CommandId, Refusal> {
        let (situation, request) = (get_situation(), own_rule::request(request));
        let sending = rules::reset(&situation, &request)?;
        match own_rule::refusal(Action::Reset, &situation, &request, || {
            secret.guessability()
        }) {
            Some(refusal) => Err(refusal),
            None => Ok(send(sending, Some(secret))),
        }
    }

    fn remove(request: Request) -> Result<CommandId, Refusal> {
        let (situation, request) = (get_situation(), own_rule::request(request));
        let sending = rules::remove(&situation, &request)?;
        match own_rule::refusal(Action::Remove, &situation, &request, || 0) {
            Some(refusal) => Err(refusal),
            None => Ok(send(sending, None)),
        }
    }

    fn preview(action: Action, secret: Option<&Secret>, request: Request) -> DevicePreview {
        preview(&get_situation(), action, secret, &request)
    }

    fn status() -> DeviceStatus {
        let situation = get_situation();
        DeviceStatus {
            policy_state: rules::policy_state(&situation.device),
            remove_offered: rules::remove_offered(&situation.device),
            password_rule: rules::effective_rule(&situation),
            latest: situation.latest,
        }
    }

    fn policy_override() -> PolicyState {
        rules::policy_state(&get_situation().device)
    }

    fn report(command: Command, outcome: DeviceOutcome) -> Result<ReportEffect, Refusal> {
        let effect = rules::report_effect(&command, &outcome);
        match effect {
            ReportEffect::Completed => {
                device_store::complete(&command.id, &rules::reported(outcome.clone()));
            }
            ReportEffect::Late => device_store::keep_late_outcome(&command.id, &outcome),
            ReportEffect::Repeated => return Ok(effect),
        }
        match rules::override_change(command.action, &outcome) {
            OverrideChange::Begins => device_store::set_policy_override(Some(&command.id)),
            OverrideChange::Ends => device_store::set_policy_override(None),
            OverrideChange::None => {}
        }
        Ok(effect)
    }

    fn cancel(command: Command) -> Result<(), Refusal> {
        let outcome = rules::cancel(&command)?;
        device_store::complete(&command.id, &outcome);
        Ok(())
    }

    fn expire(command: Command) -> Result<(), Refusal> {
        let outcome = rules::expire(&command, get_situation().now)?;
        device_store::complete(&command.id, &outcome);
        Ok(())
    }
}

/// Previews a request in this situation. Without a secret, an own rule about passwords is not previewed.
pub fn preview(
    situation: &Situation,
    action: Action,
    secret: Option<&Secret>,
    request: &Request,
) -> DevicePreview {
    let guessability = || secret.map_or(0, Secret::guessability);
    let own_refusal = own_rule::refusal(action, situation, request, guessability);
    rules::preview(situation, action, request, own_refusal)
}

/// Makes the effects of an accepted request.
pub fn send(sending: Sending, secret: Option<&Secret>) -> CommandId {
    let id = transport::send(sending.command, secret);
    match sending.ends {
        Some(Ending::Expired(pending)) => {
            device_store::complete(&pending, &rules::EXPIRED);
        }
        Some(Ending::Superseded(pending)) => {
            device_store::complete(&pending, &rules::superseded_by(&id));
        }
        None => {}
    }
    id
}
