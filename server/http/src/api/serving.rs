//! Serves connections so that no read data stays in memory longer than its request: it may be a password. The allocator
//! of `mdm-server` wipes freed memory; this file wipes the buffers that live as long as a connection.

use super::{connections::ConnectionPeer, problem::ApiError, rate::Peer};
use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
    serve::Listener,
};
use hyper::{Request, body::Incoming, server::conn::http1, service::Service};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use mdm_server_core::metrics::HttpMetrics;
use std::{
    io,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::timeout,
};

/// Size of a connection's read buffer, and so the maximum size of a request's head, in bytes. It is hyper's minimum: a
/// buffer of this size is too small for a second read after a request, so that hyper replaces or frees it before it
/// waits for more.
const READ_AT_ONCE: usize = 8 << 10;

/// The time limit of the head of the one request of a reserved connection: others wait for its place.
const RESERVED_HEAD_TIME: Duration = Duration::from_secs(3);

/// The time limits of callers.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// For the head of a request.
    pub head: Duration,
    /// For the calls that are under way when the host stops: what is not done then is cut off.
    pub shutdown: Duration,
}

/// Serves connections until shutdown, and then ends each after its running request.
pub async fn serve(
    mut listener: impl Listener<Addr = ConnectionPeer>,
    router: Router,
    times: Times,
    metrics: &HttpMetrics,
    stop: impl Future<Output = ()>,
) {
    let mut http = http1::Builder::new();
    http.max_buf_size(READ_AT_ONCE)
        .timer(TokioTimer::new())
        .header_read_timeout(times.head);
    let mut one_call = http.clone();
    one_call
        .keep_alive(false)
        .header_read_timeout(RESERVED_HEAD_TIME.min(times.head));
    let probes = Router::new()
        .fallback(answer_probe)
        .with_state(router.clone());
    let too_slow = metrics.limit("head-time");
    let connections = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let (http, router) = match peer.is_reserved {
            true => (&one_call, &probes),
            false => (&http, &router),
        };
        let service = WithPeer {
            router: TowerToHyperService::new(router.clone()),
            peer: Peer(peer.address),
        };
        let connection = http.serve_connection(TokioIo::new(ZeroizingStream(stream)), service);
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
    if timeout(times.shutdown, connections.shutdown())
        .await
        .is_err()
    {
        let seconds = times.shutdown.as_secs();
        tracing::warn!("running requests were cut off after {seconds} s");
    }
}

/// Serves only `/health` and `/ready`, on a reserved connection.
async fn answer_probe(State(router): State<Router>, request: axum::extract::Request) -> Response {
    if !matches!(request.uri().path(), "/health" | "/ready") {
        let text = "the host has all the connections that it may have: try again in a moment";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        return ApiError::new(status, "too-many-connections", text).into_response();
    }
    let mut router = router;
    match tower_service::Service::call(&mut router, request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
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

/// A stream that wipes the buffer before each read, and so the data of an earlier read. hyper and rustls read again
/// before the response, so a request's data is wiped by then.
pub struct ZeroizingStream<S>(pub(super) S);

impl<S: AsyncRead + Unpin> AsyncRead for ZeroizingStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        buffer.initialize_unfilled().fill(0);
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ZeroizingStream<S> {
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
