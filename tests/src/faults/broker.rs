//! SIGKILL of the MQTT broker of wake-ups. The broker keeps no state, and its loss must block nothing.

use super::{
    fault::Fault,
    stage::{Setting, Stage},
};
use crate::{broker::Broker, counted::Counted, test_environment::TestEnvironment};
use anyhow::ensure;

/// In seconds.
const SYNC_INTERVAL: &str = "10";

/// The broker is killed, sometimes together with the host, and starts again.
pub(super) struct Killed {
    broker: Broker,
    /// The wake-ups that the servers had sent before the load.
    sent_before: u64,
    /// They have sent some under load.
    was_used: bool,
}

impl Killed {
    pub(super) fn set_up(seed: u64) -> anyhow::Result<(Stage, Box<dyn Fault>)> {
        let broker = Broker::start()?;
        // An agent that missed a wake-up gets its command at its next regular sync.
        let args = ["--wake-up", &broker.url(), "--sync-every", SYNC_INTERVAL];
        let env = TestEnvironment::with(&args, "info")?;
        let stage = Stage::on(env, seed, &Setting::default())?;
        let fault = Self {
            broker,
            sent_before: sent(&stage)?,
            was_used: false,
        };
        Ok((stage, Box::new(fault)))
    }
}

impl Fault for Killed {
    fn strike(&mut self, stage: &mut Stage) -> anyhow::Result<()> {
        self.was_used |= sent(stage)? > self.sent_before;
        self.broker.kill()?;
        stage.pass(0..=500);
        if stage.random.u8(0..3) == 0 {
            stage.env.kill_host()?;
            stage.env.start_host()?;
            // It counts anew.
            self.sent_before = 0;
        }
        self.broker.start_again()
    }

    fn was_in_vain(&self, stage: &Stage) -> anyhow::Result<()> {
        ensure!(
            self.was_used || sent(stage)? > self.sent_before,
            "no agent was told to sync by the broker"
        );
        Ok(())
    }
}

/// The number of wake-ups that this server has sent.
fn sent(stage: &Stage) -> anyhow::Result<u64> {
    let sent = "mdm_wake_up_attempts_total{result=\"sent\"}";
    Ok(Counted::read(&stage.env)?.of(sent))
}
