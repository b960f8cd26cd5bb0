//! Key succession: proofs that an agent's keys replaced earlier ones. A server that was restored from an older backup
//! may know only former keys of an agent. The agent then sends the chain of statements, each signed by a former key.

use crate::{
    sealing::PublicKey,
    signature::SignatureError,
    signing_key::{SigningKey, VerifyingKey},
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde::{Deserialize, Serialize};

/// Maximum number of statements that an agent keeps and a server reads: the latest ones.
pub const MAX_SUCCESSIONS: usize = 16;

/// A statement by which a key of a device names its successor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Succession {
    /// The key that signs the statement.
    pub former: VerifyingKey,
    /// The next sealing key: passwords are sealed to it.
    pub public_key: PublicKey,
    /// The public half of the next signing key.
    pub signing_key: VerifyingKey,
    /// In base64.
    signature: String,
}

impl Succession {
    /// Signs the succession with the former key of a device.
    pub fn sign(
        device: &str,
        former: &SigningKey,
        public_key: PublicKey,
        signing_key: VerifyingKey,
    ) -> Result<Self, SignatureError> {
        let statement = statement(device, &public_key, &signing_key);
        let signature = former.sign(&statement).ok_or(SignatureError::NoRandom)?;
        Ok(Self {
            former: former.verifying_key().clone(),
            public_key,
            signing_key,
            signature: BASE64.encode(signature),
        })
    }

    /// The last statement of the chain that begins with this key of the device. Returns `None` if no statement in the
    /// chain is signed by this key. Errors if a signature in the chain does not verify.
    pub fn last<'a>(
        chain: &'a [Self],
        device: &str,
        first: &VerifyingKey,
    ) -> Result<Option<&'a Self>, SignatureError> {
        let mut key = first;
        let mut last = None;
        for succession in chain {
            if succession.former == *key {
                succession.check(device)?;
                key = &succession.signing_key;
                last = Some(succession);
            }
        }
        Ok(last)
    }

    fn check(&self, device: &str) -> Result<(), SignatureError> {
        let statement = statement(device, &self.public_key, &self.signing_key);
        let signature = BASE64.decode(&self.signature).unwrap_or_default();
        match self.former.verifies(&statement, &signature) {
            true => Ok(()),
            false => Err(SignatureError::Forged),
        }
    }
}

/// The signed bytes. Their prefix differs from that of every signed request, so that neither can stand for the other.
fn statement(device: &str, public_key: &PublicKey, signing_key: &VerifyingKey) -> Vec<u8> {
    let mut statement = b"mdm-agent succession\n".to_vec();
    statement.extend_from_slice(&(device.len() as u64).to_be_bytes());
    statement.extend_from_slice(device.as_bytes());
    statement.extend_from_slice(&public_key.to_bytes());
    statement.extend_from_slice(&signing_key.to_bytes());
    statement
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sealing::PrivateKey;

    fn next(device: &str, former: &SigningKey) -> (SigningKey, Succession) {
        let key = SigningKey::generate().unwrap();
        let public_key = PrivateKey::generate().1;
        let successor = key.verifying_key().clone();
        let statement = Succession::sign(device, former, public_key, successor).unwrap();
        (key, statement)
    }

    #[test]
    fn a_chain_leads_from_any_of_its_keys_to_the_last() {
        let first = SigningKey::generate().unwrap();
        let (second, one) = next("phone", &first);
        let (third, two) = next("phone", &second);
        let chain = [one, two.clone()];
        for key in [&first, &second] {
            let last = Succession::last(&chain, "phone", key.verifying_key());
            assert_eq!(last, Ok(Some(&two)));
        }
        let last = Succession::last(&chain, "phone", third.verifying_key());
        assert_eq!(last, Ok(None));
    }

    #[test]
    fn a_statement_is_of_its_key_and_for_its_device_alone() {
        let (first, stranger) = (
            SigningKey::generate().unwrap(),
            SigningKey::generate().unwrap(),
        );
        let (_, theirs) = next("phone", &stranger);
        let forged = Succession {
            former: first.verifying_key().clone(),
            ..theirs
        };
        let forged = Succession::last(
            std::slice::from_ref(&forged),
            "phone",
            first.verifying_key(),
        );
        assert_eq!(forged, Err(SignatureError::Forged));
        let (_, ours) = next("phone", &first);
        let elsewhere =
            Succession::last(std::slice::from_ref(&ours), "tablet", first.verifying_key());
        assert_eq!(elsewhere, Err(SignatureError::Forged));
    }
}
