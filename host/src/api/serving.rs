//! Serving connections so that nothing that was read stays in memory longer than the call that it was for: it
//! may have been a password. Whatever a library frees, the allocator of `mdm-host` wipes; this is about the
//! buffers that live as long as a connection.

use super::rate::Peer;
use crate::metrics::HttpMetrics;
use axum::{Router, serve::Listener};
use hyper::{Request, body::Incoming, server::conn::http1, service::Service};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use std::{
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The most that is read of a connection at a time, in bytes; also the most that a request's head can have.
/// It is the least that hyper takes. A buffer of this size is too small for a second read after a request, so
/// before hyper waits for more, it takes the buffer anew or lets it go.
const READ_AT_ONCE: usize = 8 << 10;

/// Serves connections until it is told to stop, and then ends each after the call that is under way.
pub async fn serve(
    mut listener: impl Listener<Addr = SocketAddr>,
    router: Router,
    head_time: Duration,
    metrics: &HttpMetrics,
    stop: impl Future<Output = ()>,
) {
    let mut http = http1::Builder::new();
    http.max_buf_size(READ_AT_ONCE)
        .timer(TokioTimer::new())
        .header_read_timeout(head_time);
    let too_slow = metrics.limit("head-time");
    let connections = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let service = WithPeer {
            router: TowerToHyperService::new(router.clone()),
            peer: Peer(peer),
        };
        let connection = http.serve_connection(TokioIo::new(Wiping(stream)), service);
        let connection = connections.watch(connection);
        let too_slow = too_slow.clone();
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                if error.is_timeout() {
                    too_slow.inc();
                }
                tracing::debug!(%error, "a connection broke off");
            }
        });
    }
    drop(listener);
    connections.shutdown().await;
}

/// All routes, for one connection. A layer would do the same, and make every route anew for each connection.
struct WithPeer {
    router: TowerToHyperService<Router>,
    peer: Peer,
}

impl Service<Request<Incoming>> for WithPeer {
    type Response = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Response;
    type Error = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Error;
    type Future = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Future;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        self.router.call(request)
    }
}

/// A stream that wipes the buffer it is to read into, and so what an earlier read has left there. hyper and
/// rustls look for more before they let a call answer, so what it has brought is wiped by then.
pub struct Wiping<S>(pub(super) S);

impl<S: AsyncRead + Unpin> AsyncRead for Wiping<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        buffer.initialize_unfilled().fill(0);
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wiping<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
