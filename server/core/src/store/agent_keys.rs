//! The keys of agents.

use super::StoreError;
use async_trait::async_trait;
use mdm_agent_protocol::signing_key::VerifyingKey;

/// The key of an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentKey {
    /// The key that verifies the agent's signatures.
    pub key: VerifyingKey,
    /// The device is revoked: its agent gets this error and nothing else.
    pub is_revoked: bool,
}

/// The keys of agents, which each sync reads.
#[async_trait]
pub trait AgentKeys: Send + Sync + 'static {
    /// Returns the key of this device's agent; `None` if there is no such device.
    async fn agent_key(&self, device: &str) -> Result<Option<AgentKey>, StoreError>;
}
