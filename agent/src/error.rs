//! Why the agent can't go on.

use crate::{
    durable::DurableError,
    state::{RotationStep, Step},
};
use mdm_agent_protocol::{sealing::SealingError, signature::SignatureError};

/// Why the agent can't go on.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// Its files.
    #[error(transparent)]
    Durable(#[from] DurableError),
    /// Its keys.
    #[error(transparent)]
    Sealing(#[from] SealingError),
    /// A call could not be signed.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// No random bytes.
    #[error("the operating system gave no random bytes: {0}")]
    NoRandom(getrandom::Error),
    /// The simulated device lost its power.
    #[error("the device lost its power right after the step {0:?}")]
    PowerCut(Step),
    /// The simulated device lost its power while its keys were changed.
    #[error("the device lost its power right after the step {0:?}")]
    PowerCutInRotation(RotationStep),
}
