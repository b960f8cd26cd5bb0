//! Syncs, and the reports in them, that come late, twice, after those that were sent later, or whose answers are lost.
//! Each sync carries all reports that its agent has not seen taken, as the agent's own do.

use super::{fault::Fault, record::home, stage::Stage};
use crate::as_agent::{AsAgent, Call, now};
use anyhow::ensure;
use mdm_agent::{apply, state::Home, sync, token};
use mdm_agent_protocol::sync::{SyncRequest, SyncResponse};
use serde_json::Value;

/// For a while, this process is the agent of all devices.
pub(super) struct Reports;

/// An agent in our hands.
struct Agent {
    home: Home,
    calls: AsAgent,
    /// The calls in progress.
    under_way: Vec<Call>,
}

impl Fault for Reports {
    fn strike(&mut self, stage: &mut Stage) -> anyhow::Result<()> {
        let mut agents = Vec::new();
        for number in 0..stage.devices.len() {
            stage.devices[number].switch_off()?;
            let device = &stage.devices[number];
            let agent = Agent {
                home: home(&stage.env, device),
                calls: AsAgent::of(&stage.env, device)?,
                under_way: Vec::new(),
            };
            apply::recover(&agent.home)?;
            agents.push(agent);
        }
        for _ in 0..stage.random.u8(6..=24) {
            let number = stage.random.usize(0..agents.len());
            agents[number].step(stage)?;
        }
        for agent in &mut agents {
            agent.hand_over_the_rest(stage)?;
        }
        for number in 0..stage.devices.len() {
            stage.switch_on(number)?;
        }
        Ok(())
    }
}

impl Agent {
    fn step(&mut self, stage: &mut Stage) -> anyhow::Result<()> {
        let (request, call) = self.next_sync()?;
        match stage.random.u8(0..4) {
            // As it should be.
            0 => {
                if let (200, response) = call.send()? {
                    let response: SyncResponse = serde_json::from_value(response)?;
                    sync::take(&self.home, &request, response)?;
                }
            }
            // The answer is lost, and the network sends the call twice.
            1 => {
                call.send()?;
                let (status, problem) = call.send()?;
                ensure!(status == 401, "the same call was taken twice: {problem}");
            }
            _ => self.under_way.push(call),
        }
        if !self.under_way.is_empty() && stage.random.bool() {
            self.deliver_one(stage)?;
        }
        apply::carry_out_all(&self.home, None)?;
        Ok(())
    }

    fn next_sync(&self) -> anyhow::Result<(SyncRequest, Call)> {
        let (agent, device) = (self.home.agent.read()?, self.home.device.read()?);
        let request = SyncRequest {
            device_info: token::device_info(&agent, &device),
            reports: agent.unreported,
            holding: agent.holding.into_iter().map(|held| held.id).collect(),
            policy: agent.policy,
            wait_seconds: 0,
            witness: agent.witness,
        };
        let body: Value = serde_json::to_value(&request)?;
        let call = self.calls.signed(&body, now())?;
        Ok((request, call))
    }

    /// A delayed or new report arrives, without a receiver of its response.
    fn deliver_one(&mut self, stage: &mut Stage) -> anyhow::Result<()> {
        let which = stage.random.usize(0..self.under_way.len());
        self.under_way.swap_remove(which).send()?;
        Ok(())
    }

    fn hand_over_the_rest(&mut self, stage: &mut Stage) -> anyhow::Result<()> {
        while !self.under_way.is_empty() {
            self.deliver_one(stage)?;
        }
        Ok(())
    }
}
