//! The network between the agents and their host, and between clients and the host: cut, half-cut, slow, or gone in the
//! middle of an answer.

use super::{
    fault::Fault,
    stage::{Setting, Stage},
};
use crate::{
    proxy::{Channel, Proxy},
    test_environment::TestEnvironment,
};
use std::time::Duration;

/// The agents' channel, and the clients'.
pub(super) struct Network {
    agents: Proxy,
    clients: Proxy,
}

impl Network {
    pub(super) fn set_up(seed: u64) -> anyhow::Result<(Stage, Box<dyn Fault>)> {
        let env = TestEnvironment::start()?;
        let host = vec![env.address()];
        let network = Self {
            agents: Proxy::start(host.clone())?,
            clients: Proxy::start(host)?,
        };
        let setting = Setting {
            agents_at: Some(&network.agents.url()),
            clients_at: Some(&network.clients.url()),
            ..Setting::default()
        };
        let stage = Stage::on(env, seed, &setting)?;
        Ok((stage, Box::new(network)))
    }
}

impl Fault for Network {
    fn strike(&mut self, stage: &mut Stage) -> anyhow::Result<()> {
        for _ in 0..stage.random.u8(1..=3) {
            let channel = match stage.random.u8(0..5) {
                0 => Channel::Cut,
                1 => Channel::HoldsCalls,
                2 => Channel::HoldsAnswers,
                3 => Channel::Slow(Duration::from_millis(stage.random.u64(1..=150))),
                // The head of an answer has some hundred bytes, an answer with a command a thousand or two.
                _ => Channel::CutsAnswersAfter(stage.random.usize(0..=1500)),
            };
            // The agents' channel suffers every time, the clients' sometimes.
            let both = stage.random.u8(0..3) == 0;
            self.agents.set(channel);
            if both {
                self.clients.set(channel);
            }
            stage.pass(50..=800);
        }
        // Delayed messages are lost, or arrive late.
        if stage.random.bool() {
            self.agents.set(Channel::Cut);
        }
        self.clients.set(Channel::Open);
        stage.pass(0..=50);
        self.agents.set(Channel::Open);
        Ok(())
    }
}
