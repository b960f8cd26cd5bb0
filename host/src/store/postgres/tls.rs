//! How the database proves who it is.

use crate::store::StoreError;
use std::path::Path;
use tokio_postgres::{Socket, tls::MakeTlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// Speaks TLS where the database's address says so.
pub(super) type Tls = MakeRustlsConnect;

/// A connection by TLS.
pub(super) type Stream = <Tls as MakeTlsConnect<Socket>>::Stream;

/// Trusts these authorities; none: those that the system knows.
pub(super) fn trusting(authorities: Option<&Path>) -> Result<Tls, StoreError> {
    let mut roots = RootCertStore::empty();
    match authorities {
        Some(file) => {
            let unreadable = |error: &dyn std::fmt::Display| {
                StoreError::Failed(format!(
                    "{} holds no certificates of authorities: {error}",
                    file.display()
                ))
            };
            let certificates =
                CertificateDer::pem_file_iter(file).map_err(|error| unreadable(&error))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| unreadable(&error))?;
                roots.add(certificate).map_err(|error| unreadable(&error))?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
