//! Enrollment: tokens, new devices, and the key by which agents know the server.

use super::{RequestRecord, StoreError};
use crate::token::TokenDigest;
use async_trait::async_trait;
use mdm_agent_protocol::{sealing::PublicKey, signing_key::VerifyingKey, sync::DeviceInfo};
use mdm_contract::time::Timestamp;
/// A device that asks to be taken in.
pub struct NewDevice {
    /// Its id.
    pub id: String,
    /// The name.
    pub name: String,
    /// Passwords will be sealed to this key.
    pub public_key: PublicKey,
    /// Its agent signs with the other half of this key.
    pub signing_key: VerifyingKey,
    /// The device info.
    pub device_info: DeviceInfo,
    /// The time of the enrollment.
    pub at: Timestamp,
}

/// Enrollment tokens, new devices, and the key of the server.
#[async_trait]
pub trait Enrollment: Send + Sync + 'static {
    /// Notes a single-use token, with the groups that its device will be in, and its line in the audit trail.
    async fn add_enrollment_token(
        &self,
        token: TokenDigest,
        groups: Vec<String>,
        expires_at: Timestamp,
        audit: RequestRecord,
    ) -> Result<(), StoreError>;

    /// Takes a device in and spends the token. False: the token is unknown, spent or too old.
    async fn enroll(&self, token: TokenDigest, device: NewDevice) -> Result<bool, StoreError>;

    /// The key by which agents know the host of this store; `None` if no host has served from it yet.
    async fn host_key(&self) -> Result<Option<VerifyingKey>, StoreError>;

    /// Notes the key by which agents know the host, if none is noted yet. Returns the key that is noted then: another
    /// host may have come first.
    async fn claim(&self, ours: VerifyingKey) -> Result<VerifyingKey, StoreError>;

    /// Notes another key in place of one that was lost, with a line in the audit trail. Agents that enrolled before
    /// take no answer of the host any more.
    async fn replace_host_key(
        &self,
        ours: VerifyingKey,
        audit: RequestRecord,
    ) -> Result<(), StoreError>;
}
