//! The TLS listener. Handshakes run concurrently, each with a timeout, so that a slow client delays no other.

use super::{
    certificate::{Certificate, TlsError},
    connections::ConnectionPeer,
    limited_listener::LimitedListener,
    serving::ZeroizingStream,
    timeout_stream::TimeoutStream,
};
use axum::serve::Listener;
use mdm_server_core::supervisor::Supervisor;
use std::{io, sync::Arc, time::Duration};
use tokio::{
    sync::{Mutex, Semaphore, mpsc},
    time::timeout,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring::default_provider},
    server::TlsStream,
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The time limit of a handshake.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// Handshakes at the same time. Further callers wait in the system's queue.
const MAX_HANDSHAKES: usize = 512;

/// A connection whose handshake is done. rustls decrypts in the buffer that it reads into.
type Secured = TlsStream<ZeroizingStream<TimeoutStream>>;

/// Listens with this certificate.
pub fn server_config(certificate: Arc<Certificate>) -> Result<Arc<ServerConfig>, TlsError> {
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(certificate);
    Ok(Arc::new(config))
}

/// A listener that returns connections after their handshake.
pub struct TlsListener {
    address: ConnectionPeer,
    ready: mpsc::Receiver<(Secured, ConnectionPeer)>,
    _stop: DropGuard,
}

impl TlsListener {
    /// Begins to accept connections, and goes on until it is dropped.
    pub fn new(
        listener: LimitedListener,
        config: Arc<ServerConfig>,
        supervisor: &Supervisor,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (done, ready) = mpsc::channel(MAX_HANDSHAKES);
        let handshakes = Arc::new(Handshakes {
            listener: Mutex::new(listener),
            acceptor: TlsAcceptor::from(config),
            done,
        });
        let stop = CancellationToken::new();
        supervisor.spawn("tls-listener", stop.clone(), move |stop| {
            let handshakes = Arc::clone(&handshakes);
            async move {
                tokio::select! {
                    () = handshakes.accept() => {}
                    () = stop.cancelled() => {}
                }
            }
        });
        Ok(Self {
            address,
            ready,
            _stop: stop.drop_guard(),
        })
    }
}

/// Accepts connections and does their handshakes.
struct Handshakes {
    listener: Mutex<LimitedListener>,
    acceptor: TlsAcceptor,
    done: mpsc::Sender<(Secured, ConnectionPeer)>,
}

impl Handshakes {
    async fn accept(&self) {
        let mut listener = self.listener.lock().await;
        let places = Arc::new(Semaphore::new(MAX_HANDSHAKES));
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            let (stream, peer) = listener.accept().await;
            let (acceptor, done) = (self.acceptor.clone(), self.done.clone());
            tokio::spawn(async move {
                match timeout(HANDSHAKE_TIME, acceptor.accept(ZeroizingStream(stream))).await {
                    // The receiver is gone once the server stops.
                    Ok(Ok(stream)) => drop(done.send((stream, peer)).await),
                    Ok(Err(error)) => {
                        tracing::debug!(peer = %peer.address, %error, "a TLS handshake failed")
                    }
                    Err(_) => {
                        tracing::debug!(peer = %peer.address, "a TLS handshake took too long")
                    }
                }
                drop(place);
            });
        }
    }
}

impl Listener for TlsListener {
    type Io = Secured;
    type Addr = ConnectionPeer;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(connection) => connection,
            // The task that accepts ends with the process.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<ConnectionPeer> {
        Ok(self.address)
    }
}
