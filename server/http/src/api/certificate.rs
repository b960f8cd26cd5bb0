//! The certificate that a host listens with: it is read anew on demand, and watched for its end.

use parking_lot::RwLock;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio_rustls::rustls::{
    crypto::ring::default_provider,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject as _},
    },
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use x509_cert::der::Decode as _;

/// A certificate that expires within this time is to be replaced.
const EXPIRES_SOON: Duration = Duration::from_secs(30 * 24 * 3600);

/// Why there is no certificate to listen with.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificates can't be read.
    #[error(
        "the certificates in {path} can't be read: {source}. Give a PEM file, the host's own first"
    )]
    Certificates {
        /// Which file.
        path: String,
        /// Why.
        source: pem::Error,
    },
    /// The private key can't be read.
    #[error("the private key in {path} can't be read: {source}. Give a PEM file")]
    Key {
        /// Which file.
        path: String,
        /// Why.
        source: pem::Error,
    },
    /// The key is not that of the certificate, or one of them is of a kind that TLS doesn't have.
    #[error("the certificate and the key don't fit: {0}")]
    DontFit(#[from] tokio_rustls::rustls::Error),
    /// The certificate in the file has no readable expiry.
    #[error("the certificate in {path} is no X.509 certificate: {reason}")]
    NotX509 {
        /// Which file.
        path: String,
        /// Why.
        reason: String,
    },
    /// Callers refuse an expired certificate.
    #[error("the certificate in {path} expired {days} days ago: renew it, and start again")]
    Expired {
        /// Which file.
        path: String,
        /// Whole days since it expired.
        days: u64,
    },
}

/// The host's certificate with its chain, and its key.
pub struct Certificate {
    chain_file: PathBuf,
    key_file: PathBuf,
    current: RwLock<Current>,
}

#[derive(Clone, Debug)]
struct Current {
    key: Arc<CertifiedKey>,
    /// When it expires, since 1970.
    expires_at: Duration,
}

/// The remaining validity of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// Long enough.
    Valid,
    /// It expires in so many days.
    ExpiresSoon(u64),
    /// It has expired.
    Expired,
}

impl Certificate {
    /// Reads a certificate with its chain, and its key. Errors if it has expired.
    pub fn read(chain: &Path, key: &Path) -> Result<Self, TlsError> {
        Ok(Self {
            current: RwLock::new(read(chain, key)?),
            chain_file: chain.to_owned(),
            key_file: key.to_owned(),
        })
    }

    /// Reads both files again, for further connections. Errors if they can't be used; the certificate then stays
    /// unchanged.
    pub fn reload(&self) -> Result<(), TlsError> {
        let read = read(&self.chain_file, &self.key_file)?;
        *self.current.write() = read;
        Ok(())
    }

    /// When it expires, in seconds since 1970.
    pub fn expires_at(&self) -> u64 {
        self.current().expires_at.as_secs()
    }

    /// The remaining validity.
    pub fn validity(&self) -> Validity {
        validity(self.current().expires_at, now())
    }

    fn current(&self) -> Current {
        let current = self.current.read();
        current.clone()
    }
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Certificate")
            .field(&self.chain_file)
            .finish()
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current().key)
    }
}

fn read(chain_file: &Path, key_file: &Path) -> Result<Current, TlsError> {
    let path = || chain_file.display().to_string();
    let chain = CertificateDer::pem_file_iter(chain_file).and_then(Iterator::collect);
    let chain: Vec<CertificateDer<'static>> = chain.map_err(|source| TlsError::Certificates {
        path: path(),
        source,
    })?;
    let key = PrivateKeyDer::from_pem_file(key_file).map_err(|source| TlsError::Key {
        path: key_file.display().to_string(),
        source,
    })?;
    let key = Arc::new(CertifiedKey::from_der(chain, key, &default_provider())?);
    let not_x509 = |reason: x509_cert::der::Error| TlsError::NotX509 {
        path: path(),
        reason: reason.to_string(),
    };
    let parsed = x509_cert::Certificate::from_der(key.end_entity_cert()?).map_err(not_x509)?;
    let expires_at = parsed.tbs_certificate.validity.not_after.to_unix_duration();
    match now().checked_sub(expires_at) {
        None => Ok(Current { key, expires_at }),
        Some(since) => Err(TlsError::Expired {
            path: path(),
            days: days(since),
        }),
    }
}

fn validity(expires_at: Duration, now: Duration) -> Validity {
    match expires_at.checked_sub(now) {
        None | Some(Duration::ZERO) => Validity::Expired,
        Some(left) if left < EXPIRES_SOON => Validity::ExpiresSoon(days(left)),
        Some(_) => Validity::Valid,
    }
}

fn days(time: Duration) -> u64 {
    time.as_secs() / (24 * 3600)
}

fn now() -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_expires_soon_within_its_last_30_days() {
        let days = |days: u64| Duration::from_secs(days * 24 * 3600);
        let now = days(20_000);
        assert_eq!(validity(now + days(31), now), Validity::Valid);
        assert_eq!(validity(now + days(30), now), Validity::Valid);
        assert_eq!(validity(now + days(29), now), Validity::ExpiresSoon(29));
        assert_eq!(
            validity(now + Duration::from_secs(1), now),
            Validity::ExpiresSoon(0)
        );
        assert_eq!(validity(now, now), Validity::Expired);
        assert_eq!(validity(now - days(1), now), Validity::Expired);
    }
}
