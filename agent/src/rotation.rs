//! Key rotation. The next keys are durable before they are sent to the host, and in use once the host has confirmed
//! them. So after a power cut at any step, the agent can still sync.

use crate::{
    call::{CallError, http_client},
    error::AgentError,
    keys::DeviceKeys,
    state::{Agent, Home, RotationStep},
};
use mdm_agent_protocol::{
    signature::{AGENT, NEW},
    succession::Succession,
    sync::{KEYS_PATH, RotateKeysRequest, RotateKeysResponse, SUCCESSION_PATH, SuccessionRequest},
};

/// Makes new keys, and uses them once the host knows them. Should the host be out of reach, the running agent
/// makes up for it.
pub async fn rotate(home: &Home, power_cut: Option<RotationStep>) -> Result<(), CallError> {
    let next = DeviceKeys::generate().map_err(AgentError::from)?;
    home.agent
        .change(|agent| {
            // A started rotation is finished with its keys: the server may know them already.
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
            // It may know the next keys already, and only its answer was lost: it signs nothing for the former ones
            // then.
            CallError::NotKnown { .. } | CallError::NotTheHost { .. } => {
                tell(&agent, next, next).await?;
            }
            error => return Err(error),
        }
    }
    reached(RotationStep::Tell, power_cut)?;
    let former = agent.keys.signing_key().map_err(AgentError::from)?;
    let signing_key = next.signing_key().map_err(AgentError::from)?;
    let succession = Succession::sign(
        &agent.device,
        &former,
        next.public_key().map_err(AgentError::from)?,
        signing_key.verifying_key().clone(),
    );
    let succession = succession.map_err(AgentError::from)?;
    home.agent
        .change(|changed| {
            if changed.next_keys.as_ref() == Some(next) {
                changed.change_keys(next.clone(), succession.clone());
            }
        })
        .map_err(AgentError::from)?;
    tracing::info!("the device uses new keys");
    Ok(())
}

/// Sends the proofs of the device's key successions, to a host that may not know the latest key. The next sync shows
/// whether the host accepted them.
pub(crate) async fn prove(home: &Home) -> Result<(), CallError> {
    let agent = home.agent.read().map_err(AgentError::from)?;
    if agent.successions.is_empty() {
        return Ok(());
    }
    let key = agent.keys.signing_key().map_err(AgentError::from)?;
    let request = SuccessionRequest {
        successions: agent.successions.clone(),
    };
    let http = http_client(&agent.host, agent.authorities.as_deref(), 0)?;
    let proven = agent
        .caller(&[(AGENT, &key)])
        .post::<RotateKeysResponse>(&http, SUCCESSION_PATH, None, &request)
        .await;
    match proven {
        Ok(_) => {
            tracing::warn!("the server accepted the successions of the device's keys");
            Ok(())
        }
        Err(error @ CallError::Agent(_)) => Err(error),
        Err(_) => Ok(()),
    }
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
