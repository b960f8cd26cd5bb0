//! An attacker between an agent and its server: reads each request, sends another in its place, and passes the server's
//! response to the agent.

use anyhow::{Context as _, ensure};
use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
};

/// The largest call of an agent here.
const LARGEST: usize = 1 << 20;

/// The replacement of a request. `None` lets it pass.
pub type Forge = dyn Fn(&HttpCall) -> Option<Vec<u8>> + Send + Sync;

/// A stranger, for as long as it is kept.
pub struct Stranger {
    at: SocketAddr,
    forges: Arc<AtomicBool>,
    forged: Arc<AtomicU64>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// A call of an agent, as it goes over the network.
pub struct HttpCall {
    /// Its path.
    pub path: String,
    /// All of it.
    pub bytes: Vec<u8>,
    head: String,
}

impl Stranger {
    /// Listens in front of this server.
    pub fn before(host: SocketAddr, forge: Box<Forge>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let at = listener.local_addr()?;
        let forges = Arc::new(AtomicBool::new(true));
        let ends = Arc::new(AtomicBool::new(false));
        let forged = Arc::new(AtomicU64::new(0));
        let forge: Arc<Forge> = Arc::from(forge);
        let thread = thread::spawn({
            let (forges, ends, forged) =
                (Arc::clone(&forges), Arc::clone(&ends), Arc::clone(&forged));
            move || {
                while let Ok((agent, _)) = listener.accept() {
                    if ends.load(Ordering::Relaxed) {
                        return;
                    }
                    let (forge, forged) = (Arc::clone(&forge), Arc::clone(&forged));
                    let is_forging = forges.load(Ordering::Relaxed);
                    // A call that is cut off is the agent's to make again.
                    thread::spawn(move || {
                        let counted = || forged.fetch_add(1, Ordering::Relaxed);
                        relay(agent, host, &|call| {
                            let other = forge(call).filter(|_| is_forging)?;
                            counted();
                            Some(other)
                        })
                    });
                }
            }
        });
        Ok(Self {
            at,
            forges,
            forged,
            ends,
            thread: Some(thread),
        })
    }

    /// The URL at which the agent reaches it.
    pub fn url(&self) -> String {
        format!("http://{}", self.at)
    }

    /// The number of requests that were replaced so far.
    pub fn forged(&self) -> u64 {
        self.forged.load(Ordering::Relaxed)
    }

    /// From now on, every call passes as it is.
    pub fn goes_away(&self) {
        self.forges.store(false, Ordering::Relaxed);
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        // Wakes the thread, which then sees that it has to end.
        let _ = TcpStream::connect(self.at);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl HttpCall {
    /// The value of a header; empty if it is missing.
    pub fn header(&self, name: &str) -> &str {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value.trim())
    }

    /// The call with these headers and this body, sent to this path. Its other headers are gone.
    pub fn forged(path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
        let mut call = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            call.push_str(&format!("{name}: {value}\r\n"));
        }
        call.push_str("\r\n");
        [call.as_bytes(), body].concat()
    }
}

/// One call, its answer, and the end of the connection.
fn relay(
    mut agent: TcpStream,
    host: SocketAddr,
    forge: &dyn Fn(&HttpCall) -> Option<Vec<u8>>,
) -> anyhow::Result<()> {
    let call = read_call(&mut agent)?;
    let bytes = match forge(&call) {
        Some(other) => other,
        None => last_of_its_connection(&call),
    };
    let mut to_host = TcpStream::connect(host)?;
    to_host.write_all(&bytes)?;
    let mut answer = Vec::new();
    to_host.read_to_end(&mut answer)?;
    agent.write_all(&answer)?;
    Ok(())
}

fn read_call(agent: &mut TcpStream) -> anyhow::Result<HttpCall> {
    let mut bytes = Vec::new();
    let mut part = [0; 8192];
    loop {
        let read = agent.read(&mut part)?;
        ensure!(read > 0 && bytes.len() < LARGEST, "no whole call came");
        bytes.extend_from_slice(&part[..read]);
        let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let path = head.split(' ').nth(1).context("no path")?.to_owned();
        let call = HttpCall {
            path,
            bytes: bytes.clone(),
            head,
        };
        let length: usize = call.header("content-length").parse()?;
        if bytes.len() >= end + 4 + length {
            return Ok(call);
        }
    }
}

/// The call as it is, after which the host ends the connection, so that the end of its answer shows.
fn last_of_its_connection(call: &HttpCall) -> Vec<u8> {
    let head = call.head.len();
    [
        call.head.as_bytes(),
        b"\r\nconnection: close",
        &call.bytes[head..],
    ]
    .concat()
}
