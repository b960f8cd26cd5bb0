//! HPKE (RFC 9180) in base mode with the one suite that is used here, as two functions. They leave nothing of
//! the plaintext on the stack.

use hpke::{
    Deserializable as _, HpkeError, OpModeR, OpModeS, Serializable as _, aead::AesGcm128,
    kdf::HkdfSha256, kem::DhP256HkdfSha256, single_shot_open, single_shot_seal,
};
use std::hint::black_box;
use zeroize::Zeroizing;

pub(crate) type Kem = DhP256HkdfSha256;
pub(crate) type PublicKey = <Kem as hpke::Kem>::PublicKey;
pub(crate) type PrivateKey = <Kem as hpke::Kem>::PrivateKey;

/// How much of the stack is wiped, in bytes: more than elliptic curves need, also in a build for debugging.
const DEPTH: usize = 64 << 10;

/// Seals for one key: gives the encapsulated key and the ciphertext.
pub(crate) fn seal(
    key: &PublicKey,
    info: &[u8],
    plaintext: &[u8],
    associated: &[u8],
) -> Result<(Vec<u8>, Vec<u8>), HpkeError> {
    without_trace(|| {
        let (encapsulated, ciphertext) = single_shot_seal::<AesGcm128, HkdfSha256, Kem>(
            &OpModeS::Base,
            key,
            info,
            plaintext,
            associated,
        )?;
        Ok((encapsulated.to_bytes().to_vec(), ciphertext))
    })
}

/// Opens what was sealed.
pub(crate) fn open(
    key: &PrivateKey,
    encapsulated: &[u8],
    info: &[u8],
    ciphertext: &[u8],
    associated: &[u8],
) -> Result<Zeroizing<Vec<u8>>, HpkeError> {
    let encapsulated = <Kem as hpke::Kem>::EncappedKey::from_bytes(encapsulated)?;
    without_trace(|| {
        single_shot_open::<AesGcm128, HkdfSha256, Kem>(
            &OpModeR::Base,
            key,
            &encapsulated,
            info,
            ciphertext,
            associated,
        )
        .map(Zeroizing::new)
    })
}

/// Does work that leaves secrets on the stack, such as AES with its blocks, and wipes that part of the stack.
fn without_trace<T>(work: impl FnOnce() -> T) -> T {
    let done = apart(work);
    wipe_stack();
    done
}

/// In a frame of its own, which ends where the one of `wipe_stack` does.
#[inline(never)]
fn apart<T>(work: impl FnOnce() -> T) -> T {
    work()
}

#[inline(never)]
fn wipe_stack() {
    black_box(&mut [0_u8; DEPTH]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    /// Test vectors of RFC 9180, which `tests/rfc9180.json` names.
    fn vector() -> Value {
        serde_json::from_str(include_str!("../tests/rfc9180.json")).unwrap()
    }

    fn bytes(field: &Value) -> Vec<u8> {
        let text = field.as_str().unwrap().as_bytes();
        let digits = |pair: &[u8]| std::str::from_utf8(pair).unwrap().to_owned();
        text.chunks(2)
            .map(|pair| u8::from_str_radix(&digits(pair), 16).unwrap())
            .collect()
    }

    #[test]
    fn what_the_rfc_has_sealed_opens_to_its_plaintext_and_not_when_anything_differs() {
        let vector = vector();
        let field = |name: &str| bytes(&vector[name]);
        let key = PrivateKey::from_bytes(&field("skRm")).unwrap();
        let (enc, info, ct, aad) = (field("enc"), field("info"), field("ct"), field("aad"));
        assert_eq!(*open(&key, &enc, &info, &ct, &aad).unwrap(), field("pt"));
        assert!(open(&key, &enc, b"", &ct, &aad).is_err());
        assert!(open(&key, &enc, &info, &ct, b"").is_err());
        let other = PrivateKey::from_bytes(&field("skEm")).unwrap();
        assert!(open(&other, &enc, &info, &ct, &aad).is_err());
    }

    #[test]
    fn the_rfcs_keys_are_a_pair_here_too() {
        let vector = vector();
        let field = |name: &str| bytes(&vector[name]);
        let public = PublicKey::from_bytes(&field("pkRm")).unwrap();
        let private = PrivateKey::from_bytes(&field("skRm")).unwrap();
        assert_eq!(public.to_bytes().to_vec(), field("pkRm"));
        let (enc, ct) = seal(&public, &field("info"), &field("pt"), &field("aad")).unwrap();
        assert_eq!(
            (enc.len(), ct.len()),
            (field("enc").len(), field("ct").len())
        );
        let opened = open(&private, &enc, &field("info"), &ct, &field("aad")).unwrap();
        assert_eq!(*opened, field("pt"));
    }
}
