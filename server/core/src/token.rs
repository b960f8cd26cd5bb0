//! Bearer tokens: random, shown once, stored as a digest. A token has 256 random bits, so a plain digest protects it; a
//! password would need more.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// The SHA-256 digest of a token.
pub type TokenDigest = [u8; 32];

/// The operating system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random bytes: {0}")]
pub struct NoRandom(#[from] getrandom::Error);

/// Makes a token such as `mdm_admin_…`, where `admin` is the purpose.
pub fn new_token(purpose: &str) -> Result<Zeroizing<String>, NoRandom> {
    let mut random = Zeroizing::new([0u8; 32]);
    getrandom::fill(random.as_mut()).map_err(NoRandom)?;
    let random = Zeroizing::new(BASE64.encode(random.as_ref()));
    Ok(Zeroizing::new(format!("mdm_{purpose}_{}", random.as_str())))
}

/// The digest of a token, for the store.
pub fn digest(token: &str) -> TokenDigest {
    Sha256::digest(token.as_bytes()).into()
}
