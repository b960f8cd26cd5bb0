//! Message signatures: HMAC-SHA256 over id, timestamp and body, as in Standard Webhooks. With the secret, a receiver
//! verifies origin, integrity and freshness.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Prefix of a secret's text form.
const PREFIX: &str = "whsec_";

/// Length of a new secret, in bytes (Standard Webhooks wants 24 to 64).
const LENGTH: usize = 32;

/// The secret that the server and a receiver share.
pub struct Secret(Zeroizing<Vec<u8>>);

/// A secret is not valid, or could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BadSecret {
    /// The text form is not valid.
    #[error("a secret is written as `whsec_` and base64")]
    Form,
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes: {0}")]
    NoRandom(getrandom::Error),
}

impl Secret {
    /// Makes a random secret.
    pub fn random() -> Result<Self, BadSecret> {
        let mut bytes = Zeroizing::new(vec![0; LENGTH]);
        getrandom::fill(&mut bytes).map_err(BadSecret::NoRandom)?;
        Ok(Self(bytes))
    }

    /// Parses the text form, see [`Self::text`].
    pub fn read(text: &str) -> Result<Self, BadSecret> {
        let base64 = text.strip_prefix(PREFIX).ok_or(BadSecret::Form)?;
        let bytes = BASE64.decode(base64).map_err(|_| BadSecret::Form)?;
        Ok(Self(Zeroizing::new(bytes)))
    }

    /// The text form for receivers.
    pub fn text(&self) -> Zeroizing<String> {
        let base64 = Zeroizing::new(BASE64.encode(self.0.as_slice()));
        Zeroizing::new(format!("{PREFIX}{}", base64.as_str()))
    }

    /// Signs a message with this timestamp, in seconds since 1970.
    pub fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        #[allow(clippy::expect_used)]
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_signed_as_in_the_reference_of_standard_webhooks() {
        let secret = Secret::read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = secret.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_signature_is_that_of_one_secret_id_time_and_body() {
        let (ours, theirs) = (Secret::random().unwrap(), Secret::random().unwrap());
        let signature = ours.sign("a", 1, b"{}");
        assert_eq!(signature, ours.sign("a", 1, b"{}"));
        for other in [
            theirs.sign("a", 1, b"{}"),
            ours.sign("b", 1, b"{}"),
            ours.sign("a", 2, b"{}"),
            ours.sign("a", 1, b"[]"),
        ] {
            assert_ne!(signature, other);
        }
    }

    #[test]
    fn a_secret_is_read_as_it_is_written() {
        let secret = Secret::random().unwrap();
        let text = secret.text();
        assert!(text.len() > 40 && text.starts_with("whsec_"));
        assert_eq!(Secret::read(&text).unwrap().text(), text);
        for bad in ["", "whsec", "MfKQ9r8G", "whsec_***"] {
            assert!(Secret::read(bad).is_err(), "{bad}");
        }
    }
}
