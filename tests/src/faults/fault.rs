//! The behaviour of a kind of fault.

use super::stage::Stage;

/// One kind of fault.
pub(super) trait Fault {
    /// Strikes at a random instant, and heals what it has broken.
    fn strike(&mut self, stage: &mut Stage) -> anyhow::Result<()>;

    /// Errs, once a stage ends, if what this was to strike at was never in use.
    fn was_in_vain(&self, _: &Stage) -> anyhow::Result<()> {
        Ok(())
    }
}
