//! The device's own keys. On a real device they lie in the hardware keystore and can't be read.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use mdm_agent_protocol::{
    sealing::{PrivateKey, PublicKey, SealingError},
    signing_key::SigningKey,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The keys that a device uses at one time.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceKeys {
    /// It opens what is sealed for the device; in base64.
    private_key: Zeroizing<String>,
    /// The agent signs with it; in base64.
    signing_key: Zeroizing<String>,
}

impl DeviceKeys {
    /// Makes new keys.
    pub fn generate() -> Result<Self, SealingError> {
        let encode = |bytes: &[u8]| Zeroizing::new(BASE64.encode(bytes));
        Ok(Self {
            private_key: encode(&PrivateKey::generate().0.to_bytes()),
            signing_key: encode(SigningKey::generate()?.to_bytes()),
        })
    }

    /// The key that opens sealed passwords.
    pub fn private_key(&self) -> Result<PrivateKey, SealingError> {
        PrivateKey::from_bytes(&decode(&self.private_key)?)
    }

    /// The key that passwords are sealed to.
    pub fn public_key(&self) -> Result<PublicKey, SealingError> {
        Ok(self.private_key()?.public_key())
    }

    /// The key that the agent signs with.
    pub fn signing_key(&self) -> Result<SigningKey, SealingError> {
        SigningKey::from_bytes(&decode(&self.signing_key)?)
    }
}

fn decode(text: &str) -> Result<Zeroizing<Vec<u8>>, SealingError> {
    let bytes = BASE64.decode(text).map(Zeroizing::new);
    bytes.map_err(|_| SealingError::BadPrivateKey)
}
