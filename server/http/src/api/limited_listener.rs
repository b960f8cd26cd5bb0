//! A listener that holds its connections to limits.

use super::{
    client_address::TrustedProxies,
    connections::{ConnectionLimiter, ConnectionLimits, ConnectionPeer},
    timeout_stream::TimeoutStream,
};
use axum::serve::Listener;
use mdm_server_core::metrics::Metrics;
use std::{io, sync::Arc};
use tokio::net::TcpListener;

/// A listener that closes connections beyond the limits before reading from them.
pub struct LimitedListener {
    listener: TcpListener,
    limiter: Arc<ConnectionLimiter>,
}

impl LimitedListener {
    /// Holds a listener's connections to these limits.
    pub fn new(
        listener: TcpListener,
        limits: ConnectionLimits,
        proxies: TrustedProxies,
        metrics: &Arc<Metrics>,
    ) -> Self {
        Self {
            listener,
            limiter: Arc::new(ConnectionLimiter::new(limits, proxies, metrics)),
        }
    }
}

impl Listener for LimitedListener {
    type Io = TimeoutStream;
    type Addr = ConnectionPeer;

    async fn accept(&mut self) -> (TimeoutStream, ConnectionPeer) {
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            if let Some(permit) = self.limiter.take(address.ip()) {
                let peer = ConnectionPeer {
                    address,
                    is_reserved: permit.is_reserved,
                };
                return (TimeoutStream::new(stream, permit), peer);
            }
            tracing::debug!(peer = %address, "a connection beyond the limit was closed");
        }
    }

    fn local_addr(&self) -> io::Result<ConnectionPeer> {
        Ok(ConnectionPeer {
            address: self.listener.local_addr()?,
            is_reserved: false,
        })
    }
}
