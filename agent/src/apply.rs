//! Carries commands out. A weaker or absent password needs the policy lifted first, so each command is a small
//! transaction on the device with a journal. After a power cut at any step, the command is applied once, the report is
//! right, and the device has its policy.

use crate::{
    device::{Device, password::Metrics},
    error::AgentError,
    preflight::{Preflight, preflight},
    state::{Agent, Home, Journal, Step},
    token::{self, unwrap_token},
};
use mdm_agent_protocol::{
    sealing::{Payload, PrivateKey},
    sync::SealedCommand,
};
use mdm_contract::{Action, DeviceFailure, DeviceOutcome, ResetOptions, time};
use zeroize::Zeroizing;

/// Carries out the held commands, oldest first. Commands that must wait for the user stay held. `power_cut` makes the
/// simulated device lose power after that step.
pub fn carry_out_all(home: &Home, power_cut: Option<Step>) -> Result<(), AgentError> {
    for command in home.agent.read()?.holding {
        carry_out(home, &command, power_cut)?;
    }
    Ok(())
}

/// Recovers after a power cut: finishes an applied command, and undoes a partly applied one.
pub fn recover(home: &Home) -> Result<(), AgentError> {
    let agent = home.agent.read()?;
    let Some(journal) = agent.journal else {
        return Ok(());
    };
    let held = agent
        .holding
        .into_iter()
        .find(|held| held.id == journal.command);
    let was_set = home.device.read()?.password_changes > journal.password_changes;
    match held {
        Some(command) if was_set => {
            tracing::info!(
                command = command.id,
                "it was carried out before the power cut"
            );
            complete(home, &command, &journal, None)
        }
        // The command is still held, and is carried out again.
        _ => {
            home.device
                .change(|device| device.set_policy(journal.policy))?;
            Ok(home.agent.change(|agent| agent.journal = None)?)
        }
    }
}

fn carry_out(
    home: &Home,
    command: &SealedCommand,
    power_cut: Option<Step>,
) -> Result<(), AgentError> {
    let (agent, device) = (home.agent.read()?, home.device.read()?);
    let (password, token) = match prepare(&agent, &device, command) {
        Prepared::Ready { password, token } => (password, token),
        Prepared::Waits => {
            tracing::info!(
                "{} {} waits until the user unlocks the device",
                command.action,
                command.id
            );
            return Ok(());
        }
        Prepared::Expired => {
            tracing::debug!(command = command.id, "it has expired: the server ends it");
            return Ok(());
        }
        Prepared::Fails(failure) => return fail(home, command, failure),
        Prepared::TokenUnreadable => {
            home.agent.change(|agent| agent.token_was_refused = true)?;
            return fail(home, command, DeviceFailure::TokenInvalid);
        }
    };
    let journal = Journal {
        command: command.id.clone(),
        policy: device.policy.clone(),
        password_changes: device.password_changes,
    };
    home.agent
        .change(|agent| agent.journal = Some(journal.clone()))?;
    reached(Step::Journal, power_cut)?;
    home.device.change(|device| device.set_policy(None))?;
    reached(Step::Lift, power_cut)?;
    let options = command.options;
    let is_set = home.device.change(|device| {
        let is_set = match &token {
            Some(token) => device.reset_password_with_token(&password, token, options),
            None => device.reset_password(&password, options),
        };
        if is_set {
            device.list_change_for(&command.id);
        }
        is_set
    })?;
    if is_set {
        reached(Step::Set, power_cut)?;
        return complete(home, command, &journal, power_cut);
    }
    home.device
        .change(|device| device.set_policy(journal.policy))?;
    reached(Step::Restore, power_cut)?;
    fail(home, command, unforeseen(home, &device)?)
}

enum Prepared {
    Ready {
        password: Zeroizing<String>,
        /// `None` if this Android has no reset tokens.
        token: Option<Zeroizing<Vec<u8>>>,
    },
    Waits,
    /// It has expired. It is held until the server withdraws it: only the server's clock counts.
    Expired,
    Fails(DeviceFailure),
    /// The agent's copy of its token does not open with the server's key.
    TokenUnreadable,
}

/// Preflight: checks if the command can be carried out, before any change.
fn prepare(agent: &Agent, device: &Device, command: &SealedCommand) -> Prepared {
    if command.has_expired(agent.host_time(time::now())) {
        return Prepared::Expired;
    }
    let opened = agent.open(command);
    let Some((password, token_key)) = opened.ok().and_then(|payload| read(command, payload)) else {
        return Prepared::Fails(DeviceFailure::PasswordUnreadable);
    };
    match preflight(agent, device, command.action, &Metrics::of(&password)) {
        Preflight::Yes if !device.has_reset_tokens() => Prepared::Ready {
            password,
            token: None,
        },
        Preflight::Yes => match unwrap_token(agent, &token_key) {
            Ok(token) => Prepared::Ready {
                password,
                token: Some(token),
            },
            Err(_) => Prepared::TokenUnreadable,
        },
        Preflight::AfterUnlock => Prepared::Waits,
        Preflight::No(failure) => Prepared::Fails(failure),
    }
}

/// The opened payload: the password of a reset or the empty one of a remove, and the key of the reset token.
fn read(command: &SealedCommand, payload: Payload) -> Option<(Zeroizing<String>, PrivateKey)> {
    let password = std::str::from_utf8(&payload.password).ok()?;
    // A reset with an empty password would be a remove.
    if password.is_empty() != (command.action == Action::Remove) {
        return None;
    }
    Some((Zeroizing::new(password.to_owned()), payload.token_key))
}

/// The failure by elimination, if Android refuses after a successful preflight.
fn unforeseen(home: &Home, device: &Device) -> Result<DeviceFailure, AgentError> {
    if !device.has_reset_tokens() {
        return Ok(DeviceFailure::Other(
            "Android refused the password and gave no reason".into(),
        ));
    }
    home.agent.change(|agent| agent.token_was_refused = true)?;
    Ok(DeviceFailure::TokenInvalid)
}

/// Finishes a command after the password was set. Safe to repeat.
fn complete(
    home: &Home,
    command: &SealedCommand,
    journal: &Journal,
    power_cut: Option<Step>,
) -> Result<(), AgentError> {
    let agent = home.agent.read()?;
    // A second reset finds no policy: the policy that the first one lifted must still be restored.
    let lifted = journal.policy.clone().or(agent.lifted_policy);
    home.device.change(|device| match command.action {
        Action::Reset => {
            if command.options.contains(ResetOptions::LOCK_NOW) {
                device.lock_now();
            }
        }
        Action::Remove => {
            device.set_policy(lifted.clone());
        }
    })?;
    reached(Step::Restore, power_cut)?;
    home.agent.change(|agent| {
        agent.lifted_policy = lifted.filter(|_| command.action == Action::Reset);
        agent.finish(&command.id, DeviceOutcome::Success);
    })?;
    tracing::info!("{} {}: success", command.action, command.id);
    reached(Step::Finish, power_cut)
}

fn fail(home: &Home, command: &SealedCommand, failure: DeviceFailure) -> Result<(), AgentError> {
    tracing::info!("{} {}: failed: {failure}", command.action, command.id);
    let is_tokens_fault = matches!(
        failure,
        DeviceFailure::TokenNotActive | DeviceFailure::TokenInvalid
    );
    let outcome = DeviceOutcome::Failed(failure);
    home.agent
        .change(|agent| agent.finish(&command.id, outcome))?;
    if is_tokens_fault {
        token::provision(home)?;
    }
    Ok(())
}

fn reached(step: Step, power_cut: Option<Step>) -> Result<(), AgentError> {
    if power_cut == Some(step) {
        Err(AgentError::PowerCut(step))
    } else {
        Ok(())
    }
}
