//! SIGKILL of the MQTT broker by which agents are told to sync: it knows nothing, and nothing may hang on it.

use super::{
    Fault,
    stage::{Setting, Stage},
};
use crate::{broker::Broker, lab::Lab};

/// In seconds.
const SYNC_EVERY: &str = "10";

/// The broker is killed, sometimes together with the host, and starts again.
pub(super) struct Killed(Broker);

impl Killed {
    pub(super) fn set_up(seed: u64) -> anyhow::Result<(Stage, Box<dyn Fault>)> {
        let broker = Broker::start()?;
        // What a broker that was killed has not carried, an agent hears when it syncs by itself.
        let args = ["--wake-up", &broker.url(), "--sync-every", SYNC_EVERY];
        let lab = Lab::with(&args, "info")?;
        let stage = Stage::on(lab, seed, &Setting::default())?;
        Ok((stage, Box::new(Self(broker))))
    }
}

impl Fault for Killed {
    fn strike(&mut self, stage: &mut Stage) -> anyhow::Result<()> {
        self.0.kill()?;
        stage.pass(0..=500);
        if stage.random.u8(0..3) == 0 {
            stage.lab.kill_host()?;
            stage.lab.start_host()?;
        }
        self.0.start_again()
    }
}
