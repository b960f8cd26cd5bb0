//! The server's own keys. HKDF (RFC 5869) derives all of them from one secret, the file `host.key`. The database holds
//! none of them.

use mdm_agent_protocol::{
    sealing::{PrivateKey, SealingError},
    signing_key::SigningKey,
};
use mdm_password_host::Artifacts;
use ring::{hkdf, hmac};
use uuid::Uuid;
use zeroize::Zeroizing;

/// Domain separation from keys that others derive from the same secret (RFC 5869, 3.1).
const SALT: &[u8] = b"mdm-server";

/// Keys that sign responses, open reset tokens, seal secrets in the store and authenticate compiled plugins.
pub struct HostKeys {
    secret: Zeroizing<[u8; 32]>,
    signing_key: SigningKey,
}

impl HostKeys {
    /// Derives the keys from 32 random bytes.
    pub fn new(secret: Zeroizing<[u8; 32]>) -> Result<Self, SealingError> {
        let scalar = scalar(&secret, "answers to agents");
        Ok(Self {
            signing_key: SigningKey::from_bytes(&scalar.to_bytes())?,
            secret,
        })
    }

    /// Signing key for responses to agents.
    pub fn signing_key(&self) -> &SigningKey {
        &self.signing_key
    }

    /// Private key that opens the reset token of this device. It leaves the server only inside a sealed command.
    pub fn token_key(&self, device: &str) -> PrivateKey {
        scalar(&self.secret, &format!("reset token of {device}"))
    }

    /// Seals the secrets of one-time passwords in the store.
    pub fn totp_key(&self) -> Zeroizing<[u8; 32]> {
        derive(&self.secret, "one-time passwords", 0)
    }

    /// Seals the secrets of webhooks in the store.
    pub fn webhook_key(&self) -> Zeroizing<[u8; 32]> {
        derive(&self.secret, "webhooks", 0)
    }

    /// Seals the password of a bulk in the store.
    pub fn bulk_key(&self) -> Zeroizing<[u8; 32]> {
        derive(&self.secret, "passwords of bulks", 0)
    }

    /// Seals the stored responses of requests with an idempotency key.
    pub fn response_key(&self) -> Zeroizing<[u8; 32]> {
        derive(&self.secret, "stored responses", 0)
    }

    /// Keyed digest of a request, to recognize a retry. The request may hold a password, and a plain digest would not
    /// hide four digits.
    pub fn request_digest(&self, request: &[&[u8]]) -> [u8; 32] {
        mac(&derive(&self.secret, "keyed requests", 0), request)
    }

    /// Message id for a request with an idempotency key: the same for each retry.
    pub fn message_id(&self, request: &[u8; 32], key: &[u8]) -> Uuid {
        let digest = mac(&derive(&self.secret, "ids of messages", 0), &[request, key]);
        let (id, _) = digest.split_at(16);
        Uuid::from_slice(id).unwrap_or_default()
    }

    /// Broker topic for wake-ups of a device's agent. It is unguessable and does not reveal the device. Knowledge of a
    /// topic is enough to make the agent sync.
    pub fn wake_up_topic(&self, device: &str) -> String {
        let digest = mac(
            &derive(&self.secret, "topics of wake-ups", 0),
            &[device.as_bytes()],
        );
        let hex = digest[..16].iter().map(|byte| format!("{byte:02x}"));
        format!("mdm/{}", hex.collect::<String>())
    }

    /// MAC of a witness.
    pub fn witness_mac(&self, content: &[u8]) -> [u8; 32] {
        mac(&derive(&self.secret, "witnesses", 0), &[content])
    }

    /// Returns `true` if this server has made the witness. Compares in constant time.
    pub fn is_witness_mac(&self, content: &[u8], shown: &[u8; 32]) -> bool {
        let key = derive(&self.secret, "witnesses", 0);
        hmac::verify(
            &hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()),
            content,
            shown,
        )
        .is_ok()
    }

    /// Key that authenticates compiled plugins.
    pub fn artifact_key(&self) -> [u8; 32] {
        Artifacts::key_of(&self.secret)
    }
}

/// The first derived value that is a P-256 scalar: all but one in four billion are.
fn scalar(secret: &[u8; 32], purpose: &str) -> PrivateKey {
    let mut counter = 0;
    loop {
        if let Ok(key) = PrivateKey::from_bytes(derive(secret, purpose, counter).as_slice()) {
            return key;
        }
        counter += 1;
    }
}

fn derive(secret: &[u8; 32], purpose: &str, counter: u32) -> Zeroizing<[u8; 32]> {
    let key = hkdf::Salt::new(hkdf::HKDF_SHA256, SALT).extract(secret);
    let mut derived = Zeroizing::new([0; 32]);
    #[allow(clippy::expect_used)]
    key.expand(
        &[purpose.as_bytes(), &counter.to_be_bytes()],
        hkdf::HKDF_SHA256,
    )
    .and_then(|it| it.fill(derived.as_mut_slice()))
    .expect("HKDF gives as many bytes as its hash has");
    derived
}

fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    parts.iter().for_each(|part| mac.update(part));
    let mut tag = [0; 32];
    tag.copy_from_slice(mac.sign().as_ref());
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_device_and_each_purpose_has_a_key_of_its_own_which_is_always_the_same() {
        let keys = |byte| HostKeys::new(Zeroizing::new([byte; 32])).unwrap();
        let token = |host: &HostKeys, device| host.token_key(device).to_bytes();
        let (ours, theirs) = (keys(1), keys(2));
        assert_eq!(token(&ours, "one"), token(&keys(1), "one"));
        assert_ne!(token(&ours, "one"), token(&ours, "two"));
        assert_ne!(token(&ours, "one"), token(&theirs, "one"));
        assert_ne!(
            ours.signing_key().verifying_key(),
            theirs.signing_key().verifying_key()
        );
        assert_ne!(ours.artifact_key(), theirs.artifact_key());
        let digest = |host: &HostKeys, text: &str| host.request_digest(&[text.as_bytes()]);
        assert_eq!(digest(&ours, "1234"), digest(&keys(1), "1234"));
        assert_ne!(digest(&ours, "1234"), digest(&ours, "1235"));
        assert_ne!(digest(&ours, "1234"), digest(&theirs, "1234"));
        let topic = |host: &HostKeys, device| host.wake_up_topic(device);
        assert_eq!(topic(&ours, "one"), topic(&keys(1), "one"));
        assert_ne!(topic(&ours, "one"), topic(&ours, "two"));
        assert_ne!(topic(&ours, "one"), topic(&theirs, "one"));
        assert_eq!(topic(&ours, "one").len(), "mdm/".len() + 32);
        assert_ne!(ours.artifact_key()[..], *ours.signing_key().to_bytes());
    }
}
