//! One connection to a host that stays open, for one call at a time: ten thousand of them fit into a process.

use anyhow::Context as _;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Method, Request, StatusCode,
    body::Bytes,
    client::conn::http1::{self, SendRequest},
    header::{AUTHORIZATION, CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use std::{net::SocketAddr, sync::Arc};
use tokio::{net::TcpStream, task::JoinSet};

/// A call as it goes over a connection.
pub type Call = Request<Full<Bytes>>;

/// A response.
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The body.
    pub body: Bytes,
}

/// An open connection.
pub struct Connection(SendRequest<Full<Bytes>>);

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    /// Makes a call, and reads the whole answer.
    pub async fn send(&mut self, call: Call) -> anyhow::Result<Answer> {
        self.0.ready().await?;
        let response = self.0.send_request(call).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        Ok(Answer { status, body })
    }
}

impl Answer {
    /// The body of a successful response as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        anyhow::ensure!(
            self.status.is_success(),
            "{}: {}",
            self.status,
            String::from_utf8_lossy(&self.body)
        );
        serde_json::from_slice(&self.body).context("the answer is not what it should be")
    }
}

/// Sends all of these calls, which have to succeed: by each connection the next one as soon as the last is answered.
pub async fn send_all(connections: Vec<Connection>, calls: Vec<Call>) -> anyhow::Result<()> {
    let calls = Arc::new(Mutex::new(calls));
    let mut clients = JoinSet::new();
    for mut connection in connections {
        let calls = Arc::clone(&calls);
        let next = move || calls.lock().pop();
        clients.spawn(async move {
            while let Some(call) = next() {
                let answer = connection.send(call).await?;
                anyhow::ensure!(answer.status.is_success(), "{}", answer.status);
            }
            anyhow::Ok(())
        });
    }
    while let Some(client) = clients.join_next().await {
        client??;
    }
    Ok(())
}

/// A call by an admin's program.
pub fn by_admin(method: Method, path: &str, token: &str, body: String) -> anyhow::Result<Call> {
    Ok(Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, "localhost")
        .header(AUTHORIZATION, format!("Bearer {token}"))
        .header(CONTENT_TYPE, "application/json")
        .body(Full::from(body))?)
}
