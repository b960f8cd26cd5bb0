//! Listening by TLS. Handshakes run beside each other, each within a time, so that a caller who dawdles keeps
//! nobody waiting.

use super::{connections::LimitedListener, held::Held, serving::Wiping};
use axum::serve::Listener;
use std::{io, net::SocketAddr, path::Path, sync::Arc, time::Duration};
use tokio::{
    sync::{Semaphore, mpsc},
    time::timeout,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring::default_provider,
        pki_types::{
            CertificateDer, PrivateKeyDer,
            pem::{self, PemObject as _},
        },
    },
    server::TlsStream,
};

/// How long a handshake may take.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// How many handshakes may be under way; further callers wait in the system's queue.
const MOST_HANDSHAKES: usize = 512;

/// A connection whose handshake is done. rustls decrypts in the buffer that it reads into.
type Secured = TlsStream<Wiping<Held>>;

/// Why TLS can't be set up.
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
}

/// Reads a certificate with its chain, and its key.
pub fn server_config(certificates: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(certificates).and_then(Iterator::collect);
    let chain = chain.map_err(|source| TlsError::Certificates {
        path: certificates.display().to_string(),
        source,
    })?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|source| TlsError::Key {
        path: key.display().to_string(),
        source,
    })?;
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(Arc::new(config))
}

/// A listener that gives out connections whose handshake is done.
pub struct TlsListener {
    address: SocketAddr,
    ready: mpsc::Receiver<(Secured, SocketAddr)>,
}

impl TlsListener {
    /// Begins to accept connections.
    pub fn new(listener: LimitedListener, config: Arc<ServerConfig>) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (done, ready) = mpsc::channel(MOST_HANDSHAKES);
        tokio::spawn(accept(listener, TlsAcceptor::from(config), done));
        Ok(Self { address, ready })
    }
}

async fn accept(
    mut listener: LimitedListener,
    acceptor: TlsAcceptor,
    done: mpsc::Sender<(Secured, SocketAddr)>,
) {
    let places = Arc::new(Semaphore::new(MOST_HANDSHAKES));
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        let (stream, caller) = listener.accept().await;
        let (acceptor, done) = (acceptor.clone(), done.clone());
        tokio::spawn(async move {
            match timeout(HANDSHAKE_TIME, acceptor.accept(Wiping(stream))).await {
                // Nobody receives once the host stops.
                Ok(Ok(stream)) => drop(done.send((stream, caller)).await),
                Ok(Err(error)) => tracing::debug!(%caller, %error, "a TLS handshake failed"),
                Err(_) => tracing::debug!(%caller, "a TLS handshake took too long"),
            }
            drop(place);
        });
    }
}

impl Listener for TlsListener {
    type Io = Secured;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(connection) => connection,
            // The task that accepts ends with the process.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}
