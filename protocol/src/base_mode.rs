//! HPKE (RFC 9180) in base mode with the one suite that is used here, as two functions. They leave nothing of
//! the plaintext on the stack.
//!
//! StartupGate is by the crate `hpke`. Sealing is by ring, in the steps of the RFC: a host seals for each reset, and
//! ring's curve takes a quarter of the time. The tests open by the crate what was sealed here.

use hpke::{
    Deserializable as _, HpkeError, OpModeR, Serializable as _, aead::AesGcm128, kdf::HkdfSha256,
    kem::DhP256HkdfSha256, single_shot_open,
};
use ring::{
    aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral},
    error::Unspecified,
    hkdf::{HKDF_SHA256, KeyType, Prk},
    hmac,
    rand::SystemRandom,
};
use std::hint::black_box;
use zeroize::Zeroizing;

pub(crate) type Kem = DhP256HkdfSha256;
pub(crate) type PublicKey = <Kem as hpke::Kem>::PublicKey;
pub(crate) type PrivateKey = <Kem as hpke::Kem>::PrivateKey;

/// The part of the stack that is wiped, in bytes: more than elliptic curves need, also in a debug build.
const DEPTH: usize = 64 << 10;

/// Of the KEM, DHKEM(P-256, HKDF-SHA256); and of the whole suite, with HKDF-SHA256 and AES-128-GCM.
const KEM_SUITE: &[u8] = b"KEM\x00\x10";
const SUITE: &[u8] = b"HPKE\x00\x10\x00\x01\x00\x01";

/// Seals for one key: gives the encapsulated key and the ciphertext.
pub(crate) fn seal(
    key: &PublicKey,
    info: &[u8],
    plaintext: &[u8],
    associated: &[u8],
) -> Result<(Vec<u8>, Vec<u8>), Unspecified> {
    without_trace(|| {
        let ephemeral = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new())?;
        let encapsulated = ephemeral.compute_public_key()?.as_ref().to_vec();
        let key = key.to_bytes();
        let peer = UnparsedPublicKey::new(&ECDH_P256, key.as_slice());
        let shared = agree_ephemeral(ephemeral, &peer, |agreed| {
            shared_secret(agreed, &encapsulated, &key)
        })??;
        let mut ciphertext = Vec::with_capacity(plaintext.len() + AES_128_GCM.tag_len());
        ciphertext.extend_from_slice(plaintext);
        seal_with(&*shared, info, associated, &mut ciphertext)?;
        Ok((encapsulated, ciphertext))
    })
}

/// `ExtractAndExpand` of the KEM: from what the two keys agree on to the secret that both sides share.
fn shared_secret(
    agreed: &[u8],
    encapsulated: &[u8],
    key: &[u8],
) -> Result<Zeroizing<[u8; 32]>, Unspecified> {
    let context = [encapsulated, key].concat();
    let secret = extract(KEM_SUITE, &[], b"eae_prk", agreed);
    expand(KEM_SUITE, secret.as_ref(), b"shared_secret", &context)
}

/// The key schedule in base mode, and the one message that is sealed with it.
fn seal_with(
    shared: &[u8],
    info: &[u8],
    associated: &[u8],
    message: &mut Vec<u8>,
) -> Result<(), Unspecified> {
    let no_psk = extract(SUITE, &[], b"psk_id_hash", &[]);
    let info = extract(SUITE, &[], b"info_hash", info);
    let context = [&[0], no_psk.as_ref(), info.as_ref()].concat();
    let secret = extract(SUITE, shared, b"secret", &[]);
    let key = expand::<16>(SUITE, secret.as_ref(), b"key", &context)?;
    let nonce = expand::<12>(SUITE, secret.as_ref(), b"base_nonce", &context)?;
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &*key)?);
    let nonce = Nonce::assume_unique_for_key(*nonce);
    key.seal_in_place_append_tag(nonce, Aad::from(associated), message)
}

/// `LabeledExtract`.
fn extract(suite: &[u8], salt: &[u8], label: &[u8], keying: &[u8]) -> hmac::Tag {
    let mut hmac = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, salt));
    for part in [b"HPKE-v1", suite, label, keying] {
        hmac.update(part);
    }
    hmac.sign()
}

/// `LabeledExpand`, to so many bytes.
fn expand<const BYTES: usize>(
    suite: &[u8],
    secret: &[u8],
    label: &[u8],
    info: &[u8],
) -> Result<Zeroizing<[u8; BYTES]>, Unspecified> {
    struct Length(usize);
    impl KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let length = [0, BYTES as u8];
    let info = [&length, b"HPKE-v1".as_slice(), suite, label, info];
    let mut bytes = Zeroizing::new([0; BYTES]);
    Prk::new_less_safe(HKDF_SHA256, secret)
        .expand(&info, Length(BYTES))?
        .fill(bytes.as_mut_slice())?;
    Ok(bytes)
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
    fn what_the_rfcs_keys_agree_on_becomes_its_shared_secret_here_too() {
        let vector = vector();
        let field = |name: &str| bytes(&vector[name]);
        let (dh, enc, key) = (field("dh"), field("enc"), field("pkRm"));
        let shared = shared_secret(&dh, &enc, &key).unwrap();
        assert_eq!(shared.to_vec(), field("shared_secret"));
    }

    #[test]
    fn what_the_rfc_seals_is_sealed_here_to_the_same_bytes() {
        let vector = vector();
        let field = |name: &str| bytes(&vector[name]);
        let mut message = field("pt");
        let (dh, enc, key) = (field("dh"), field("enc"), field("pkRm"));
        let shared = shared_secret(&dh, &enc, &key).unwrap();
        seal_with(&*shared, &field("info"), &field("aad"), &mut message).unwrap();
        assert_eq!(message, field("ct"));
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
