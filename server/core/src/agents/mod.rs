//! Agents: enrollment, authentication by signatures, syncs.

mod enrollment;
mod keys;
mod rates;
mod replay_guard;
mod sync;

pub use enrollment::Agents;
pub use keys::{AuthenticatedAgent, SignedByAgent};
pub(crate) use rates::AgentRates;
pub(crate) use replay_guard::ReplayGuard;
