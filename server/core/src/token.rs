//! Bearer tokens: random, shown once to the one who gets it, kept as a digest. A token of 256 random
//! bits can't be guessed, so a plain digest protects it; passwords would need more.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// The SHA-256 digest of a token.
pub type TokenDigest = [u8; 32];

/// The system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random bytes: {0}")]
pub struct NoRandom(#[from] getrandom::Error);

/// Makes a token such as `mdm_admin_…`, where `admin` is what it is for.
pub fn new_token(purpose: &str) -> Result<Zeroizing<String>, NoRandom> {
    let mut random = Zeroizing::new([0u8; 32]);
    getrandom::fill(random.as_mut()).map_err(NoRandom)?;
    let random = Zeroizing::new(BASE64.encode(random.as_ref()));
    Ok(Zeroizing::new(format!("mdm_{purpose}_{}", random.as_str())))
}

/// What the store keeps of a token.
pub fn digest(token: &str) -> TokenDigest {
    Sha256::digest(token.as_bytes()).into()
}
