//! The exports: each asks the imports for what its rule needs, and carries out what the rule decides.

use crate::{
    bindings::{
        exports::mdm::password::password::Guest,
        mdm::password::{
            clock, device_store,
            secrets::Secret,
            transport,
            types::{
                Action, Command, CommandId, DeviceOutlook, DeviceStatus, Outcome, PolicyState,
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
        let measure = secret.measure();
        let sending = rules::reset(&situation, &measure, options, &own_rule::terms(terms))?;
        match own_rule::refusal(&situation, &measure, || secret.guessability()) {
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

    fn outlook(
        action: Action,
        secret: Option<&Secret>,
        options: ResetOptions,
        terms: Terms,
    ) -> DeviceOutlook {
        foretell(&request(), action, secret, options, &terms)
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
            ReportEffect::Settled => device_store::settle(&command.id, &outcome),
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
        device_store::settle(&command.id, &outcome);
        Ok(())
    }

    fn expire(command: Command) -> Result<(), Refusal> {
        let outcome = rules::expire(&command, clock::now())?;
        device_store::settle(&command.id, &outcome);
        Ok(())
    }
}

/// What the imports tell of a request's situation.
pub fn request() -> Situation {
    Situation {
        device: device_store::get_device(),
        pending: device_store::get_pending(),
        password_rule: device_store::get_password_rule(),
        now: clock::now(),
    }
}

/// Foretells what a request would come to in this situation, on the road as it is now.
pub fn foretell(
    situation: &Situation,
    action: Action,
    secret: Option<&Secret>,
    options: ResetOptions,
    terms: &Terms,
) -> DeviceOutlook {
    let road = rules::Road {
        capabilities: transport::get_capabilities(),
        online: transport::is_online(),
    };
    let measure = secret.map(Secret::measure);
    let own_refusal = match (action, secret, &measure) {
        (Action::Reset, Some(secret), Some(measure)) => {
            own_rule::refusal(situation, measure, || secret.guessability())
        }
        _ => None,
    };
    let wanted = match action {
        Action::Reset => rules::Wanted::Reset(measure, options),
        Action::Remove => rules::Wanted::Remove,
    };
    rules::outlook(situation, &road, &wanted, terms, own_refusal)
}

/// Carries an accepted request out.
pub fn send(sending: Sending, secret: Option<&Secret>) -> CommandId {
    let id = transport::send(sending.command, secret);
    match sending.ends {
        Some(Ending::Expired(pending)) => {
            device_store::settle(&pending, &rules::EXPIRED);
        }
        Some(Ending::Superseded(pending)) => {
            device_store::settle(&pending, &rules::superseded_by(&id));
        }
        None => {}
    }
    id
}
