//! The exports: each reads the input of its rule from the imports, and makes the effects that the rule decides.

use crate::{
    bindings::{
        exports::mdm::password::password::Guest,
        mdm::password::{
            clock, device_store,
            secrets::Secret,
            transport,
            types::{
                Action, Command, CommandId, DevicePreview, DeviceStatus, Outcome, PolicyState,
                Refusal, ReportEffect, ResetOptions, Terms,
            },
        },
    },
    own_rule,
    rules::{self, Ending, OverrideChange, Sending, Situation},
};

/// The component.
pub struct Plugin;

impl Guest for Plugin {
    fn reset(secret: &Secret, options: ResetOptions, terms: Terms) -> Result<CommandId, Refusal> {
        let situation = request();
        let metrics = secret.metrics();
        let sending = rules::reset(&situation, &metrics, options, &own_rule::terms(terms))?;
        match own_rule::refusal(&situation, &metrics, || secret.guessability()) {
            Some(refusal) => Err(refusal),
            None => Ok(send(sending, Some(secret))),
        }
    }

    fn remove(terms: Terms) -> Result<CommandId, Refusal> {
        Ok(send(
            rules::remove(&request(), &own_rule::terms(terms))?,
            None,
        ))
    }

    fn preview(
        action: Action,
        secret: Option<&Secret>,
        options: ResetOptions,
        terms: Terms,
    ) -> DevicePreview {
        preview(&request(), action, secret, options, &terms)
    }

    fn status() -> DeviceStatus {
        let device = device_store::get_device();
        DeviceStatus {
            latest: device_store::get_latest(),
            policy_state: rules::policy_state(&device),
            remove_offered: rules::remove_offered(&device),
            password_rule: device_store::get_password_rule(),
        }
    }

    fn policy_override() -> PolicyState {
        rules::policy_state(&device_store::get_device())
    }

    fn report(command: Command, outcome: Outcome) -> Result<ReportEffect, Refusal> {
        let effect = rules::report_effect(&command, &outcome);
        match effect {
            ReportEffect::Completed => device_store::complete(&command.id, &outcome),
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
        let outcome = rules::expire(&command, clock::now())?;
        device_store::complete(&command.id, &outcome);
        Ok(())
    }
}

/// Reads the situation of a request from the imports.
pub fn request() -> Situation {
    Situation {
        device: device_store::get_device(),
        pending: device_store::get_pending(),
        password_rule: device_store::get_password_rule(),
        now: clock::now(),
    }
}

/// Previews a request in this situation, on the current channel.
pub fn preview(
    situation: &Situation,
    action: Action,
    secret: Option<&Secret>,
    options: ResetOptions,
    terms: &Terms,
) -> DevicePreview {
    let channel = rules::Channel {
        capabilities: transport::get_capabilities(),
        online: transport::is_online(),
    };
    let metrics = secret.map(Secret::metrics);
    let own_refusal = match (action, secret, &metrics) {
        (Action::Reset, Some(secret), Some(metrics)) => {
            own_rule::refusal(situation, metrics, || secret.guessability())
        }
        _ => None,
    };
    let wanted = match action {
        Action::Reset => rules::Wanted::Reset(metrics, options),
        Action::Remove => rules::Wanted::Remove,
    };
    rules::preview(situation, &channel, &wanted, terms, own_refusal)
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
