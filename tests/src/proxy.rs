//! The channel between agents or clients and their hosts, as a proxy for TCP: it can be cut, held up in one direction,
//! slow, or end in the middle of an answer. Connections go to the hosts in turn.

use anyhow::Context as _;
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    runtime::{Builder, Runtime},
    sync::watch,
    time::sleep,
};

/// The state of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Everything passes.
    Open,
    /// Connections are cut, and new ones are refused.
    Cut,
    /// Data to servers is held back until the connection is open again.
    HoldsCalls,
    /// Data from servers is held back until the connection is open again.
    HoldsAnswers,
    /// Each part of a call or an answer takes this long.
    Slow(Duration),
    /// Each connection is cut after this many bytes of responses.
    CutsAnswersAfter(usize),
}

/// A proxy, for as long as it is kept.
pub struct Proxy {
    at: SocketAddr,
    channel: watch::Sender<Channel>,
    _runtime: Runtime,
}

/// A direction of data.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sent {
    Calls,
    Answers,
}

impl Proxy {
    /// Starts one in front of these hosts.
    pub fn start(hosts: Vec<SocketAddr>) -> anyhow::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let (channel, look) = watch::channel(Channel::Open);
        let listener = runtime
            .block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
            .context("the proxy can't listen")?;
        let at = listener.local_addr()?;
        runtime.spawn(accept(listener, hosts.into(), look));
        Ok(Self {
            at,
            channel,
            _runtime: runtime,
        })
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}", self.at)
    }

    /// The channel is like this from now on.
    pub fn set(&self, channel: Channel) {
        self.channel.send_replace(channel);
    }
}

async fn accept(
    listener: TcpListener,
    hosts: Arc<[SocketAddr]>,
    channel: watch::Receiver<Channel>,
) {
    let turns = AtomicUsize::new(0);
    while let Ok((caller, _)) = listener.accept().await {
        if *channel.borrow() == Channel::Cut {
            continue;
        }
        let turn = turns.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(connect(caller, turn, Arc::clone(&hosts), channel.clone()));
    }
}

/// Connects a caller with the host whose turn it is, or with the next that takes it.
async fn connect(
    caller: TcpStream,
    turn: usize,
    hosts: Arc<[SocketAddr]>,
    channel: watch::Receiver<Channel>,
) {
    for offset in 0..hosts.len() {
        let Ok(host) = TcpStream::connect(hosts[(turn + offset) % hosts.len()]).await else {
            continue;
        };
        let (from_caller, to_caller) = caller.into_split();
        let (from_host, to_host) = host.into_split();
        // The one that ends first ends both.
        tokio::select! {
            () = pass(from_caller, to_host, Sent::Calls, channel.clone()) => {}
            () = pass(from_host, to_caller, Sent::Answers, channel.clone()) => {}
        }
        return;
    }
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    sent: Sent,
    mut channel: watch::Receiver<Channel>,
) {
    let mut buffer = vec![0; 16 * 1024];
    let mut passed = 0;
    loop {
        let length = tokio::select! {
            read = from.read(&mut buffer) => read.unwrap_or(0),
            // In the middle of waiting for news, too.
            _ = channel.wait_for(|channel| *channel == Channel::Cut) => 0,
        };
        if length == 0 {
            return;
        }
        let is_open = |channel: &Channel| match channel {
            Channel::HoldsCalls => sent != Sent::Calls,
            Channel::HoldsAnswers => sent != Sent::Answers,
            _ => true,
        };
        let now = match channel.wait_for(is_open).await {
            Ok(channel) => *channel,
            Err(_) => return,
        };
        let passes = match now {
            Channel::Cut => return,
            Channel::Slow(delay) => {
                sleep(delay).await;
                length
            }
            Channel::CutsAnswersAfter(most) if sent == Sent::Answers => {
                length.min(most - passed.min(most))
            }
            _ => length,
        };
        passed += passes;
        if to.write_all(&buffer[..passes]).await.is_err() || passes < length {
            return;
        }
    }
}
