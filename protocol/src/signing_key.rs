//! The keys that agents and hosts sign with: ECDSA on P-256 with SHA-256, which Android's hardware keystore can
//! serve. A signature is 64 bytes, r and s.

use crate::sealing::{PrivateKey, PublicKey, SealingError};
use ring::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, UnparsedPublicKey,
    },
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A key to sign with, which never leaves its owner.
pub struct SigningKey {
    bytes: Zeroizing<Vec<u8>>,
    public: VerifyingKey,
    pair: EcdsaKeyPair,
}

impl SigningKey {
    /// Makes a new key.
    pub fn generate() -> Result<Self, SealingError> {
        Self::from_bytes(&PrivateKey::generate().0.to_bytes())
    }

    /// Reads the 32 bytes of a scalar.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SealingError> {
        let public = PrivateKey::from_bytes(bytes)?.public_key();
        let pair = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            bytes,
            &public.to_bytes(),
            &SystemRandom::new(),
        )
        .map_err(|_| SealingError::BadPrivateKey)?;
        Ok(Self {
            bytes: Zeroizing::new(bytes.to_vec()),
            public: VerifyingKey(public),
            pair,
        })
    }

    /// The 32 bytes of the scalar.
    pub fn to_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The public half, which verifies this key's signatures.
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.public
    }

    /// Signs. Returns `None` if the system gave no random bytes.
    pub(crate) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let signature = self.pair.sign(&SystemRandom::new(), message).ok()?;
        Some(signature.as_ref().to_vec())
    }
}

/// A public key that verifies signatures: a P-256 point, uncompressed; base64 in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VerifyingKey(PublicKey);

impl VerifyingKey {
    /// Reads the 65 bytes of an uncompressed point.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SealingError> {
        Ok(Self(PublicKey::from_bytes(bytes)?))
    }

    /// The 65 bytes of the uncompressed point.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.to_bytes()
    }

    /// Returns `true` if the owner of this key has signed this message.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.to_bytes())
            .verify(message, signature)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_of_one_key_and_one_message() {
        let (key, other) = (
            SigningKey::generate().unwrap(),
            SigningKey::generate().unwrap(),
        );
        let signature = key.sign(b"message").unwrap();
        assert!(key.verifying_key().verifies(b"message", &signature));
        assert!(!key.verifying_key().verifies(b"massage", &signature));
        assert!(!other.verifying_key().verifies(b"message", &signature));
        let again = SigningKey::from_bytes(key.to_bytes()).unwrap();
        assert_eq!(again.verifying_key(), key.verifying_key());
        assert!(SigningKey::from_bytes(&[0; 32]).is_err());
    }
}
