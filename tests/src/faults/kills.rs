//! SIGKILL of host and agents.

use super::{fault::Fault, stage::Stage};

/// The host is killed, and starts again.
pub(super) struct Host;

/// Some agents are killed, one after the other, and start again.
pub(super) struct Agents;

/// The host and some agents are killed; any of them may be the first to start again.
pub(super) struct Both;

impl Fault for Host {
    fn strike(&mut self, stage: &mut Stage) -> anyhow::Result<()> {
        stage.env.kill_host()?;
        stage.pass(0..=200);
        stage.env.start_host()
    }
}

impl Fault for Agents {
    fn strike(&mut self, stage: &mut Stage) -> anyhow::Result<()> {
        for number in some_devices(stage) {
            stage.devices[number].switch_off()?;
            stage.pass(0..=50);
            stage.switch_on(number)?;
            stage.pass(0..=100);
        }
        Ok(())
    }
}

impl Fault for Both {
    fn strike(&mut self, stage: &mut Stage) -> anyhow::Result<()> {
        let devices = some_devices(stage);
        let is_host_first = stage.random.bool();
        if is_host_first {
            stage.env.kill_host()?;
            stage.pass(0..=50);
        }
        for number in &devices {
            stage.devices[*number].switch_off()?;
        }
        if !is_host_first {
            stage.pass(0..=50);
            stage.env.kill_host()?;
        }
        let is_host_back_first = stage.random.bool();
        if is_host_back_first {
            stage.env.start_host()?;
            stage.pass(0..=50);
        }
        for number in devices {
            stage.switch_on(number)?;
        }
        if !is_host_back_first {
            stage.pass(0..=50);
            stage.env.start_host()?;
        }
        Ok(())
    }
}

/// One or more devices, in a random order.
fn some_devices(stage: &mut Stage) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..stage.devices.len()).collect();
    stage.random.shuffle(&mut numbers);
    let some = stage.random.usize(1..=numbers.len());
    numbers.truncate(some);
    numbers
}
