//! Secrets that the store keeps, sealed by a key of the host: each opens for whom it was sealed, and for no other.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

/// Why a secret could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum SealedError {
    #[error("the operating system gave no random bytes: {0}")]
    NoRandom(getrandom::Error),
    #[error("the cipher failed")]
    Cipher,
    #[error("it was made with another host.key")]
    OtherKey,
}

/// Seals a secret for this one and no other.
pub(super) fn seal(key: &[u8; 32], whose: &str, secret: &[u8]) -> Result<Vec<u8>, SealedError> {
    let mut nonce = [0; NONCE_LEN];
    getrandom::fill(&mut nonce).map_err(SealedError::NoRandom)?;
    let mut sealed = secret.to_vec();
    cipher(key)?
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(whose),
            &mut sealed,
        )
        .map_err(|_| SealedError::Cipher)?;
    sealed.splice(..0, nonce);
    Ok(sealed)
}

/// Opens a secret that was sealed for this one.
pub(super) fn open(
    key: &[u8; 32],
    whose: &str,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, SealedError> {
    let (nonce, sealed) = sealed.split_first_chunk().ok_or(SealedError::OtherKey)?;
    let mut secret = Zeroizing::new(sealed.to_vec());
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let opened = cipher(key)?.open_in_place(nonce, Aad::from(whose), &mut secret);
    let length = opened.map_err(|_| SealedError::OtherKey)?.len();
    secret.truncate(length);
    Ok(secret)
}

fn cipher(key: &[u8; 32]) -> Result<LessSafeKey, SealedError> {
    UnboundKey::new(&AES_256_GCM, key)
        .map(LessSafeKey::new)
        .map_err(|_| SealedError::Cipher)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_for_its_owner_by_its_key_only() {
        let secret = b"a secret of some length";
        let sealed = seal(&[1; 32], "alice", secret).unwrap();
        assert!(!sealed.windows(secret.len()).any(|it| it == secret));
        assert_ne!(sealed, seal(&[1; 32], "alice", secret).unwrap(), "salted");
        let opened = open(&[1; 32], "alice", &sealed).unwrap();
        assert_eq!(opened.as_slice(), secret);
        assert!(open(&[1; 32], "bob", &sealed).is_err());
        assert!(open(&[2; 32], "alice", &sealed).is_err());
        assert!(open(&[1; 32], "alice", &[1, 2]).is_err());
    }
}
