//! Seals secrets for the store: AES-256-GCM with a key of the server, bound to one context.

use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    error::Unspecified,
};
use zeroize::Zeroizing;

/// A secret could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealedError {
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes: {0}")]
    NoRandom(#[from] getrandom::Error),
    /// Another key or another context sealed it, or it was changed.
    #[error("it was sealed with another host.key, or it was changed")]
    Strange,
}

impl From<Unspecified> for SealedError {
    fn from(_: Unspecified) -> Self {
        Self::Strange
    }
}

/// Seals a secret for this context only.
pub(crate) fn seal(
    key: &[u8; 32],
    belongs_to: &str,
    secret: &[u8],
) -> Result<Vec<u8>, SealedError> {
    let mut nonce = [0; NONCE_LEN];
    getrandom::fill(&mut nonce)?;
    let mut sealed = Vec::with_capacity(secret.len() + AES_256_GCM.tag_len());
    sealed.extend(secret);
    cipher(key)?.seal_in_place_append_tag(
        Nonce::assume_unique_for_key(nonce),
        Aad::from(belongs_to),
        &mut sealed,
    )?;
    sealed.splice(..0, nonce);
    Ok(sealed)
}

/// Opens a secret that was sealed for this context.
pub(crate) fn open(
    key: &[u8; 32],
    belongs_to: &str,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, SealedError> {
    let (nonce, sealed) = sealed.split_first_chunk().ok_or(SealedError::Strange)?;
    let mut secret = Zeroizing::new(sealed.to_vec());
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let length = cipher(key)?
        .open_in_place(nonce, Aad::from(belongs_to), &mut secret)?
        .len();
    secret.truncate(length);
    Ok(secret)
}

fn cipher(key: &[u8; 32]) -> Result<LessSafeKey, SealedError> {
    Ok(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key)?))
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
