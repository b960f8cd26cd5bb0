//! A real broker (Mosquitto) in a folder of its own, on a free port of the loopback; and who listens to it, or speaks
//! through it.

use crate::{
    debian,
    test_environment::{TIMEOUT, free_port},
};
use anyhow::{Context as _, bail, ensure};
use mdm_agent_protocol::broker::BrokerUrl;
use parking_lot::Mutex;
use rumqttc::{AsyncClient, Event, EventLoop, Packet, PublishOptions, QoS};
use std::{
    fs::{self, File},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

const PROGRAM: &str = "usr/sbin/mosquitto";
const PASSWORDS: &str = "usr/bin/mosquitto_passwd";

/// A broker. It ends with this.
pub struct Broker {
    folder: TempDir,
    port: u16,
    scheme: &'static str,
    process: Option<Child>,
}

/// The TLS certificate of a broker.
pub struct BrokerTls<'a> {
    /// The broker's certificate, in PEM.
    pub certificate: &'a Path,
    /// Its key.
    pub key: &'a Path,
}

/// A login at a broker that requires one, with its permissions.
pub struct Login<'a> {
    /// The name.
    pub user: &'a str,
    /// The password.
    pub password: &'a str,
    /// The permission, as Mosquitto writes it: `write mdm/#`.
    pub may: &'a str,
}

/// A listener to all messages of a broker.
pub struct Listener {
    heard: Arc<Mutex<Vec<Message>>>,
    _runtime: Runtime,
}

/// A message of a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The topic.
    pub topic: String,
    /// The payload.
    pub payload: Vec<u8>,
}

impl Broker {
    /// Starts a broker that lets everybody do everything.
    pub fn start() -> anyhow::Result<Self> {
        Self::start_with(&[], None)
    }

    /// Starts a broker that lets only these in. Without any, everybody.
    pub fn start_with(logins: &[Login<'_>], tls: Option<BrokerTls<'_>>) -> anyhow::Result<Self> {
        let mut broker = Self {
            folder: TempDir::new()?,
            port: free_port()?,
            scheme: if tls.is_some() { "mqtts" } else { "mqtt" },
            process: None,
        };
        let mut config = format!(
            "listener {} 127.0.0.1\nallow_anonymous {}\npersistence false\nuser root\n",
            broker.port,
            logins.is_empty()
        );
        if let Some(BrokerTls { certificate, key }) = tls {
            config += &format!("certfile {}\nkeyfile {}\n", shown(certificate), shown(key));
        }
        if !logins.is_empty() {
            let (passwords, rights) = (broker.file("passwords"), broker.file("rights"));
            config += &format!(
                "password_file {}\nacl_file {}\n",
                shown(&passwords),
                shown(&rights)
            );
            broker.write_logins(logins, &passwords, &rights)?;
        }
        fs::write(broker.file("config"), config)?;
        broker.start_again()?;
        Ok(broker)
    }

    fn write_logins(
        &self,
        logins: &[Login<'_>],
        passwords: &Path,
        rights: &Path,
    ) -> anyhow::Result<()> {
        File::create(passwords)?;
        let mut text = String::new();
        for Login {
            user,
            password,
            may,
        } in logins
        {
            let added = debian::program(PASSWORDS)?
                .arg("-b")
                .arg(passwords)
                .args([user, password])
                .status()?;
            ensure!(added.success(), "{PASSWORDS}: {added}");
            text += &format!("user {user}\ntopic {may}\n");
        }
        Ok(fs::write(rights, text)?)
    }

    /// Starts it again where it was.
    pub fn start_again(&mut self) -> anyhow::Result<()> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.file("log"))?;
        let process = debian::program(PROGRAM)?
            .arg("-c")
            .arg(self.file("config"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("{PROGRAM}: `cargo xtask programs` sets it up"))?;
        self.process = Some(process);
        let deadline = Instant::now() + TIMEOUT;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let ended = self
                .process
                .as_mut()
                .and_then(|it| it.try_wait().ok().flatten());
            if ended.is_some() || Instant::now() > deadline {
                bail!(
                    "the broker does not listen: {}",
                    fs::read_to_string(self.file("log"))?
                );
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Kills it, as a power cut would.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut process) = self.process.take() {
            process.kill()?;
            process.wait()?;
        }
        Ok(())
    }

    /// Its address, without a login.
    pub fn url(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.port)
    }

    /// Its address, with a login.
    pub fn url_for(&self, login: &Login<'_>) -> String {
        let Login { user, password, .. } = login;
        format!(
            "{}://{user}:{password}@127.0.0.1:{}",
            self.scheme, self.port
        )
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Listens to everything from now on.
    pub fn listen(&self) -> anyhow::Result<Listener> {
        let (client, mut events) = client(&self.url())?;
        let runtime = runtime()?;
        runtime.block_on(async {
            client.subscribe("#", QoS::AtLeastOnce).await?;
            until(&mut events, |packet| matches!(packet, Packet::SubAck(_))).await
        })?;
        let heard = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&heard);
        runtime.spawn(async move {
            // It is asked as long as it lives.
            let _client = client;
            while let Ok(event) = events.poll().await {
                if let Event::Incoming(Packet::Publish(message)) = event {
                    noted.lock().push(Message {
                        topic: String::from_utf8_lossy(&message.topic).into_owned(),
                        payload: message.payload.to_vec(),
                    });
                }
            }
        });
        Ok(Listener {
            heard,
            _runtime: runtime,
        })
    }

    /// Publishes a message to this topic this many times. At the end, the broker has all of them.
    pub fn say(&self, topic: &str, payload: &[u8], times: usize) -> anyhow::Result<()> {
        let (client, mut events) = client(&self.url())?;
        let mut taken = 0;
        runtime()?.block_on(async {
            let said = async {
                for _ in 0..times {
                    client
                        .publish(topic, payload.to_vec(), PublishOptions::at_least_once())
                        .await?;
                }
                std::future::pending::<anyhow::Result<()>>().await
            };
            let all_taken = until(&mut events, |packet| {
                taken += usize::from(matches!(packet, Packet::PubAck(_)));
                taken == times
            });
            tokio::select! {
                failed = said => failed,
                done = all_taken => done,
            }
        })
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // A process that is gone already needs no killing.
        let _ = self.kill();
    }
}

impl Listener {
    /// The messages so far.
    pub fn heard(&self) -> Vec<Message> {
        self.heard.lock().clone()
    }
}

fn client(url: &str) -> anyhow::Result<(AsyncClient, EventLoop)> {
    let broker: BrokerUrl = url.parse()?;
    Ok(broker.client(None, 100)?)
}

async fn until(
    events: &mut EventLoop,
    mut is_it: impl FnMut(&Packet) -> bool,
) -> anyhow::Result<()> {
    loop {
        if let Event::Incoming(packet) = events.poll().await?
            && is_it(&packet)
        {
            return Ok(());
        }
    }
}

fn runtime() -> anyhow::Result<Runtime> {
    Ok(Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?)
}

fn shown(path: &Path) -> std::path::Display<'_> {
    path.display()
}
