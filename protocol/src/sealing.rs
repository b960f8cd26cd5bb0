//! Sealing a password to a device's key: HPKE (RFC 9180) in base mode with DHKEM(P-256,
//! HKDF-SHA256), HKDF-SHA256 and AES-128-GCM, which Android's hardware keystore can serve.
//!
//! A sealed password opens only with the key of the device that it was sealed to, and only as part
//! of the very command that it was sealed for: device, command, action, options and expiry are bound
//! to it as associated data.

use crate::base_mode::{self, Kem};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use hpke::{Deserializable, Kem as _, Serializable};
use mdm_contract::{Action, Command, ResetOptions, time::Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use zeroize::Zeroizing;

/// HPKE's `info`: what this key schedule is for.
const INFO: &[u8] = b"mdm:password sealed command 1";

/// An error of sealing or opening. It never contains the data.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SealingError {
    /// The bytes are no point on P-256.
    #[error("the device's public key is not a P-256 key in uncompressed form (65 bytes)")]
    BadPublicKey,
    /// The bytes are no P-256 scalar.
    #[error("the device's private key is not a P-256 key (32 bytes)")]
    BadPrivateKey,
    /// It was sealed for another key, another command or other terms, or was altered.
    #[error("the sealed password does not open with this key for this command")]
    DoesNotOpen,
}

/// The key that passwords for a device are sealed to: a P-256 point, uncompressed, in base64 in JSON.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(base_mode::PublicKey);

impl PublicKey {
    /// Reads the 65 bytes of an uncompressed point.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SealingError> {
        let key = Deserializable::from_bytes(bytes).map_err(|_| SealingError::BadPublicKey)?;
        Ok(Self(key))
    }

    /// The 65 bytes of the uncompressed point.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.to_bytes().to_vec()
    }

    /// Seals a password for one command.
    pub fn seal(&self, password: &[u8], binding: &Binding<'_>) -> Result<Sealed, SealingError> {
        let (key, ciphertext) = base_mode::seal(&self.0, INFO, password, &binding.bytes())
            .map_err(|_| SealingError::BadPublicKey)?;
        Ok(Sealed { key, ciphertext })
    }
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKey({})", BASE64.encode(self.to_bytes()))
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(self.to_bytes()))
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = in_base64::deserialize(deserializer)?;
        Self::from_bytes(&bytes).map_err(D::Error::custom)
    }
}

/// The other half, which never leaves the device.
pub struct PrivateKey(base_mode::PrivateKey);

impl PrivateKey {
    /// Makes a new pair.
    pub fn generate() -> (Self, PublicKey) {
        let (private, public) = Kem::gen_keypair();
        (Self(private), PublicKey(public))
    }

    /// Reads the 32 bytes of a scalar.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SealingError> {
        let key = Deserializable::from_bytes(bytes).map_err(|_| SealingError::BadPrivateKey)?;
        Ok(Self(key))
    }

    /// The 32 bytes of the scalar, wiped when dropped.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0.to_bytes().to_vec())
    }

    /// The other half.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(Kem::sk_to_pk(&self.0))
    }

    /// Opens what was sealed to this key for this command.
    pub fn open(
        &self,
        sealed: &Sealed,
        binding: &Binding<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, SealingError> {
        let Sealed { key, ciphertext } = sealed;
        base_mode::open(&self.0, key, INFO, ciphertext, &binding.bytes())
            .map_err(|_| SealingError::DoesNotOpen)
    }
}

/// The plaintext that is sealed for a command: 32 bytes of the token key, then the password. A remove has none.
pub struct Payload {
    /// It opens the reset token that the device keeps: the host releases it with each command.
    pub token_key: PrivateKey,
    /// The password.
    pub password: Zeroizing<Vec<u8>>,
}

impl Payload {
    /// Seals for a device, as part of one command.
    pub fn seal(&self, key: &PublicKey, binding: &Binding<'_>) -> Result<Sealed, SealingError> {
        let token_key = self.token_key.to_bytes();
        let mut bytes = Zeroizing::new(Vec::with_capacity(token_key.len() + self.password.len()));
        bytes.extend_from_slice(&token_key);
        bytes.extend_from_slice(&self.password);
        key.seal(&bytes, binding)
    }

    /// Opens what was sealed for this device and this command.
    pub fn open(
        sealed: &Sealed,
        key: &PrivateKey,
        binding: &Binding<'_>,
    ) -> Result<Self, SealingError> {
        let bytes = key.open(sealed, binding)?;
        let (token_key, password) = bytes
            .split_first_chunk::<32>()
            .ok_or(SealingError::DoesNotOpen)?;
        Ok(Self {
            token_key: PrivateKey::from_bytes(token_key)?,
            password: Zeroizing::new(password.to_vec()),
        })
    }
}

/// The length of an encapsulated key of P-256: an uncompressed point.
const ENCAPSULATED_KEY_LENGTH: usize = 65;

/// A sealed payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// HPKE's encapsulated key, 65 bytes.
    #[serde(with = "in_base64")]
    pub key: Vec<u8>,
    /// The ciphertext, with a tag of 16 bytes.
    #[serde(with = "in_base64")]
    pub ciphertext: Vec<u8>,
}

impl Sealed {
    /// The encapsulated key and the ciphertext, one after the other.
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.key.as_slice(), &self.ciphertext].concat()
    }

    /// Reads [`Sealed::to_bytes`]. Returns `None` if the bytes are too few.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (key, ciphertext) = bytes.split_at_checked(ENCAPSULATED_KEY_LENGTH)?;
        Some(Self {
            key: key.to_vec(),
            ciphertext: ciphertext.to_vec(),
        })
    }
}

/// The binding of a sealed password: it opens for this command of this device only.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'a> {
    /// The host's id of the device.
    pub device: &'a str,
    /// The command's id.
    pub command: &'a str,
    /// The action.
    pub action: Action,
    /// The options.
    pub options: ResetOptions,
    /// When its time is over.
    pub expires_at: Option<Timestamp>,
}

impl<'a> Binding<'a> {
    /// The binding of this command of a device.
    pub fn of(device: &'a str, command: &'a Command) -> Self {
        Self {
            device,
            command: &command.id,
            action: command.action,
            options: command.options,
            expires_at: command.expires_at,
        }
    }

    /// The associated data: a line for each field, so that an agent in any language can make it.
    /// Ids are UUIDs, so no field can hold a line break.
    fn bytes(&self) -> Vec<u8> {
        let expiry = self.expires_at.map(|t| t.to_string()).unwrap_or_default();
        format!(
            "device={}\ncommand={}\naction={}\nlock-now={}\nrequire-entry={}\n\
             no-credentials-on-boot={}\nexpires-at={expiry}\n",
            self.device,
            self.command,
            self.action,
            self.options.contains(ResetOptions::LOCK_NOW),
            self.options.contains(ResetOptions::REQUIRE_ENTRY),
            self.options.contains(ResetOptions::NO_CREDENTIALS_ON_BOOT),
        )
        .into_bytes()
    }
}

/// Bytes as base64 in JSON.
mod in_base64 {
    use super::{BASE64, Deserialize, Serializer};
    use base64::Engine as _;
    use serde::de::Error as _;

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: super::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64
            .decode(text)
            .map_err(|_| D::Error::custom("not base64"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn binding() -> Binding<'static> {
        Binding {
            device: "0198c1de-0000-7000-8000-000000000001",
            command: "0198c1de-0000-7000-8000-000000000002",
            action: Action::Reset,
            options: ResetOptions::default(),
            expires_at: Some(1_700_000_000_000),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn what_is_sealed_opens_with_the_same_key_and_command(password in ".{0,64}") {
            let (private, public) = PrivateKey::generate();
            let sealed = public.seal(password.as_bytes(), &binding()).unwrap();
            prop_assert_eq!(&*private.open(&sealed, &binding()).unwrap(), password.as_bytes());
        }
    }

    #[test]
    fn a_sealed_password_opens_for_no_other_device_command_action_option_or_expiry() {
        let (private, public) = PrivateKey::generate();
        let sealed = public.seal(b"1234", &binding()).unwrap();
        let bound = binding();
        let locks = ResetOptions::LOCK_NOW;
        let enters = ResetOptions::REQUIRE_ENTRY;
        let boots = ResetOptions::NO_CREDENTIALS_ON_BOOT;
        for other in [
            Binding {
                device: bound.command,
                ..bound
            },
            Binding {
                command: bound.device,
                ..bound
            },
            Binding {
                action: Action::Remove,
                ..bound
            },
            Binding {
                options: locks,
                ..bound
            },
            Binding {
                options: enters,
                ..bound
            },
            Binding {
                options: boots,
                ..bound
            },
            Binding {
                expires_at: None,
                ..bound
            },
            Binding {
                expires_at: Some(1_700_000_000_001),
                ..bound
            },
        ] {
            assert_eq!(
                private.open(&sealed, &other),
                Err(SealingError::DoesNotOpen),
                "{other:?}"
            );
        }
    }

    #[test]
    fn a_sealed_password_opens_with_no_other_key_and_not_when_altered() {
        let (private, public) = PrivateKey::generate();
        let (stranger, _) = PrivateKey::generate();
        let sealed = public.seal(b"1234", &binding()).unwrap();
        assert_eq!(
            stranger.open(&sealed, &binding()),
            Err(SealingError::DoesNotOpen)
        );
        for altered in 0..sealed.ciphertext.len() {
            let mut sealed = sealed.clone();
            sealed.ciphertext[altered] ^= 1;
            assert_eq!(
                private.open(&sealed, &binding()),
                Err(SealingError::DoesNotOpen)
            );
        }
    }

    #[test]
    fn a_payload_has_the_token_key_and_the_password() {
        let (private, public) = PrivateKey::generate();
        let (token_key, token_public) = PrivateKey::generate();
        for password in ["1234", ""] {
            let payload = Payload {
                token_key: PrivateKey::from_bytes(&token_key.to_bytes()).unwrap(),
                password: Zeroizing::new(password.into()),
            };
            let sealed = payload.seal(&public, &binding()).unwrap();
            let opened = Payload::open(&sealed, &private, &binding()).unwrap();
            assert_eq!(*opened.password, password.as_bytes());
            assert_eq!(opened.token_key.public_key(), token_public);
        }
        let short = public.seal(b"1234", &binding()).unwrap();
        assert!(Payload::open(&short, &private, &binding()).is_err());
    }

    #[test]
    fn keys_survive_their_bytes() {
        let (private, public) = PrivateKey::generate();
        let again = PrivateKey::from_bytes(&private.to_bytes()).unwrap();
        let sealed = PublicKey::from_bytes(&public.to_bytes())
            .unwrap()
            .seal(b"1234", &binding())
            .unwrap();
        assert_eq!(&*again.open(&sealed, &binding()).unwrap(), b"1234");
        assert_eq!(
            PublicKey::from_bytes(b"no key"),
            Err(SealingError::BadPublicKey)
        );
    }
}
