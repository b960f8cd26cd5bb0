//! A connection with timeouts for reading and writing.

use super::connections::{ConnectionLimiter, Permit};
use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};
use zeroize::Zeroizing;

/// The time for which input is read and dropped after a connection's last response. With unread input, the system
/// would reset the connection and lose the response.
const LINGER: Duration = Duration::from_secs(2);

/// A connection that has a permit.
pub struct TimeoutStream {
    stream: TcpStream,
    permit: Permit,
    /// The timeout of the current phase: a peer that reads nothing, or sends data that is not wanted.
    waits: Option<Pin<Box<Sleep>>>,
}

impl TimeoutStream {
    pub(super) fn new(stream: TcpStream, permit: Permit) -> Self {
        Self {
            stream,
            permit,
            waits: None,
        }
    }

    /// An error, if the caller has read nothing for too long.
    fn in_time<T>(
        &mut self,
        cx: &mut Context<'_>,
        poll: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.waits = None;
            return poll;
        }
        let ConnectionLimiter {
            limits, stalled, ..
        } = &*self.permit.limiter;
        let end = self
            .waits
            .get_or_insert_with(|| Box::pin(sleep(limits.body_time)));
        ready!(end.as_mut().poll(cx));
        stalled.inc();
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for TimeoutStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for TimeoutStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.in_time(cx, poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.in_time(cx, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        let this = &mut *self;
        let end = this.waits.get_or_insert_with(|| Box::pin(sleep(LINGER)));
        // It may be a part of a password.
        let mut dropped = Zeroizing::new([0; 4096]);
        // The timeout is checked first: an endless sender would never let it be checked otherwise.
        while end.as_mut().poll(cx).is_pending() {
            let mut buffer = ReadBuf::new(dropped.as_mut_slice());
            match ready!(Pin::new(&mut this.stream).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                _ => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}
