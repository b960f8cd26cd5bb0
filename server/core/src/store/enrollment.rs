//! Enrollment: tokens, new devices, and the server key that agents know.

use super::{RequestRecord, StoreError};
use crate::token::TokenDigest;
use async_trait::async_trait;
use mdm_agent_protocol::{sealing::PublicKey, signing_key::VerifyingKey, sync::DeviceInfo};
use mdm_contract::time::Timestamp;
/// A device that enrolls.
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
    /// Stores a single-use token with the groups of its device, and a line in the audit trail.
    async fn add_enrollment_token(
        &self,
        token: TokenDigest,
        groups: Vec<String>,
        expires_at: Timestamp,
        audit: RequestRecord,
    ) -> Result<(), StoreError>;

    /// Enrolls a device and spends the token. Returns `false` if the token is unknown, spent or expired.
    async fn enroll(&self, token: TokenDigest, device: NewDevice) -> Result<bool, StoreError>;

    /// The server key that agents of this store know. `None` if no server has used the store yet.
    async fn host_key(&self) -> Result<Option<VerifyingKey>, StoreError>;

    /// Stores the server key that agents know, unless one is stored. Returns the stored key: another server may have
    /// been first.
    async fn claim(&self, ours: VerifyingKey) -> Result<VerifyingKey, StoreError>;

    /// Replaces a lost server key, with a line in the audit trail. Agents that enrolled before no longer accept
    /// responses of the server.
    async fn replace_host_key(
        &self,
        ours: VerifyingKey,
        audit: RequestRecord,
    ) -> Result<(), StoreError>;
}
