//! Changing the device's keys. The next ones are made durable before the host hears of them, and used once it
//! has said that it knows them: a power cut at any step leaves an agent that can sign in.

use crate::{
    call::{CallError, http_client},
    error::AgentError,
    keys::DeviceKeys,
    state::{Agent, Home, RotationStep},
};
use mdm_wire::{
    signature::{AGENT, NEW},
    sync::{KEYS_PATH, RotateKeysRequest, RotateKeysResponse},
};

/// Makes new keys, and uses them once the host knows them. Should the host be out of reach, the running agent
/// makes up for it.
pub async fn rotate(home: &Home, power_cut: Option<RotationStep>) -> Result<(), CallError> {
    let next = DeviceKeys::generate().map_err(AgentError::from)?;
    home.agent
        .change(|agent| {
            // What was begun is finished: the host may know those keys already.
            agent.next_keys.get_or_insert(next);
        })
        .map_err(AgentError::from)?;
    reached(RotationStep::Prepare, power_cut)?;
    finish(home, power_cut).await
}

/// Finishes a change of keys, if one was begun.
pub async fn finish(home: &Home, power_cut: Option<RotationStep>) -> Result<(), CallError> {
    let agent = home.agent.read().map_err(AgentError::from)?;
    let Some(next) = &agent.next_keys else {
        return Ok(());
    };
    if let Err(error) = tell(&agent, &agent.keys, next).await {
        match error {
            // It may know the next keys already, and only its answer was lost: it signs nothing for the former ones then.
            CallError::NotKnown { .. } | CallError::NotTheHost { .. } => {
                tell(&agent, next, next).await?;
            }
            error => return Err(error),
        }
    }
    reached(RotationStep::Tell, power_cut)?;
    home.agent
        .change(|changed| {
            if changed.next_keys.as_ref() == Some(next) {
                changed.next_keys = None;
                let before = std::mem::replace(&mut changed.keys, next.clone());
                changed.earlier_keys.push(before);
            }
        })
        .map_err(AgentError::from)?;
    tracing::info!("the device uses new keys");
    Ok(())
}

async fn tell(agent: &Agent, with: &DeviceKeys, next: &DeviceKeys) -> Result<(), CallError> {
    let key = |keys: &DeviceKeys| keys.signing_key().map_err(AgentError::from);
    let (ours, new) = (key(with)?, key(next)?);
    let request = RotateKeysRequest {
        public_key: next.public_key().map_err(AgentError::from)?,
        signing_key: new.verifying_key().clone(),
    };
    let http = http_client(&agent.host, agent.authorities.as_deref(), 0)?;
    agent
        .caller(&[(AGENT, &ours), (NEW, &new)])
        .post::<RotateKeysResponse>(&http, KEYS_PATH, None, &request)
        .await?;
    Ok(())
}

fn reached(step: RotationStep, power_cut: Option<RotationStep>) -> Result<(), AgentError> {
    match power_cut == Some(step) {
        true => Err(AgentError::PowerCutInRotation(step)),
        false => Ok(()),
    }
}
