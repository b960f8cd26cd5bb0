//! Verifies the certificate of the database.

use mdm_server_core::store::StoreError;
use std::path::Path;
use tokio_postgres::{Socket, tls::MakeTlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};

type Rustls = MakeRustlsConnect;

/// The TLS connector, for databases whose URL requires TLS.
#[derive(Clone)]
pub(super) struct Tls(Rustls);

/// A connection by TLS.
pub(super) type Stream = <Rustls as MakeTlsConnect<Socket>>::Stream;

impl MakeTlsConnect<Socket> for Tls {
    type Stream = Stream;
    type TlsConnect = <Rustls as MakeTlsConnect<Socket>>::TlsConnect;
    type Error = <Rustls as MakeTlsConnect<Socket>>::Error;

    fn make_tls_connect(&mut self, host: &str) -> Result<Self::TlsConnect, Self::Error> {
        // A Unix socket has no name, and speaks no TLS: its connector is made, and never used.
        let host = if host.is_empty() { "localhost" } else { host };
        MakeTlsConnect::<Socket>::make_tls_connect(&mut self.0, host)
    }
}

/// Trusts these authorities. Without any, those that the system trusts.
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
    Ok(Tls(MakeRustlsConnect::new(config)))
}
