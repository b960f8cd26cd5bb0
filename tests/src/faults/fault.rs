//! The behaviour of a kind of fault.

use super::stage::Stage;

/// One kind of fault.
pub(super) trait Fault {
    /// Strikes at a random instant, and then repairs the damage.
    fn strike(&mut self, stage: &mut Stage) -> anyhow::Result<()>;

    /// Errors at the end of a stage if the target of the fault was never in use.
    fn was_in_vain(&self, _: &Stage) -> anyhow::Result<()> {
        Ok(())
    }
}
