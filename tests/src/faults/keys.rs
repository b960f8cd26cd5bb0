//! Idempotency keys that are repeated across kills of the host, also after other admins have reset the device.

use super::{fault::Fault, stage::Stage};
use anyhow::ensure;

/// The number of keys that are repeated after each kill.
const REPEATS: usize = 40;

/// The host is killed, starts again, and gets requests of before again.
pub(super) struct Repeated;

impl Fault for Repeated {
    fn strike(&mut self, stage: &mut Stage) -> anyhow::Result<()> {
        stage.env.kill_host()?;
        stage.pass(0..=100);
        stage.env.start_host()?;
        stage.repeat_keys(REPEATS);
        stage.pass(0..=200);
        stage.repeat_keys(REPEATS);
        Ok(())
    }

    fn was_in_vain(&self, stage: &Stage) -> anyhow::Result<()> {
        let history = stage.record.history();
        let repeats: usize = history.requests.iter().map(|it| it.repeats.len()).sum();
        ensure!(repeats > 0, "no idempotency key was repeated");
        Ok(())
    }
}
