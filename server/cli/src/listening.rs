//! The listening sockets: addresses, TLS, connection limits and timeouts.

use anyhow::{Context as _, bail};
use axum::Router;
use clap::Args;
use ipnet::IpNet;
use mdm_server_core::{metrics::Metrics, public_url::PublicUrl, supervisor::Supervisor};
use mdm_server_http::api::{
    LimitedListener, ProxyHeader, TrustedProxies,
    certificate::Certificate,
    connections::{ConnectionLimits, RESERVED_CONNECTIONS},
    serving::{self, Times},
    tls::{self, TlsListener},
};
use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use tokio::net::TcpListener;

/// File descriptors that are reserved for the database and libraries, not for connections. If the limit of open files
/// is low, at most half of that limit.
const OTHER_FILES: u64 = 256 + RESERVED_CONNECTIONS as u64;

#[derive(Args)]
pub(super) struct ListenOptions {
    /// The address to listen on. By default, only this machine can connect.
    #[arg(long, default_value = "127.0.0.1:7878")]
    listen: SocketAddr,
    /// A PEM file with the server's certificate and its chain, for TLS.
    #[arg(long, requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// A PEM file with the key of that certificate.
    #[arg(long, requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Allow plain HTTP on an address that other machines can reach. Use this only behind a proxy that adds TLS.
    #[arg(long)]
    plain_http: bool,
    /// A trusted proxy, or a network of proxies, such as 10.0.0.5 or 10.0.0.0/8. It appends the client's address to the
    /// header of --trusted-proxy-header. Can be given more than once.
    #[arg(long, value_name = "CIDR", value_parser = network)]
    trusted_proxy: Vec<IpNet>,
    /// The header to which trusted proxies append the client's address. The other one is ignored.
    #[arg(
        long,
        value_name = "HEADER",
        value_enum,
        default_value = "x-forwarded-for",
        requires = "trusted_proxy"
    )]
    trusted_proxy_header: ProxyHeader,
    /// The public URL of the server, such as https://mdm.example, for links and cookies. Needed if the server is behind
    /// a proxy. With https, browsers are required to use TLS only.
    #[arg(long, value_name = "URL")]
    public_url: Option<PublicUrl>,
    /// The limit of connections. Each waiting agent has one.
    #[arg(long, value_name = "NUMBER", default_value_t = ConnectionLimits::DEFAULT.most, value_parser = count)]
    connections: usize,
    /// The limit of connections per address. Trusted proxies have no such limit.
    #[arg(long, value_name = "NUMBER", default_value_t = ConnectionLimits::DEFAULT.most_per_address, value_parser = count)]
    connections_per_address: usize,
    /// The time limit of a request's head and of an idle connection, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = ConnectionLimits::DEFAULT.head_time.as_secs(), value_parser = clap::value_parser!(u64).range(1..=3600))]
    head_time: u64,
    /// The time limit for receiving a request's body, and for a client that does not read its response, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = ConnectionLimits::DEFAULT.body_time.as_secs(), value_parser = clap::value_parser!(u64).range(1..=3600))]
    body_time: u64,
}

fn network(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    address
        .or_else(|_| text.parse())
        .map_err(|_| "an address or a network is wanted, such as 10.0.0.5 or 10.0.0.0/8".into())
}

fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("a number from 1 on is wanted".into()),
        Ok(number) => Ok(number),
    }
}

/// A bound listening socket that doesn't serve yet, with its certificate and limits.
pub(super) struct BoundListener {
    listener: TcpListener,
    certificate: Option<Arc<Certificate>>,
    limits: ConnectionLimits,
    proxies: TrustedProxies,
}

impl ListenOptions {
    /// Reads the TLS certificate. Returns `None` for plain HTTP. Errors if plain HTTP is
    /// neither on loopback nor allowed by `--plain-http`.
    pub(super) fn certificate(&self) -> anyhow::Result<Option<Arc<Certificate>>> {
        match (&self.tls_cert, &self.tls_key) {
            (Some(chain), Some(key)) => Ok(Some(Arc::new(Certificate::read(chain, key)?))),
            _ if self.listen.ip().is_loopback() || self.plain_http => Ok(None),
            _ => bail!(
                "{} can be reached by others, and plain HTTP would show them every token and password: \
                 give --tls-cert and --tls-key, or --plain-http if something in front adds TLS",
                self.listen
            ),
        }
    }

    /// Returns `true` if admins connect by TLS: the server's own, or that of a proxy.
    pub(super) fn is_secure(&self) -> bool {
        let is_public = match &self.public_url {
            Some(url) => url.is_secure(),
            None => self.plain_http,
        };
        self.tls_cert.is_some() || is_public
    }

    /// The URL for admins. Returns `None` if admins use the listening address.
    pub(super) fn public_url(&self) -> Option<&PublicUrl> {
        self.public_url.as_ref()
    }

    /// The proxies that are trusted to forward a client's address.
    pub(super) fn trusted_proxies(&self) -> TrustedProxies {
        TrustedProxies {
            networks: self.trusted_proxy.clone(),
            header: self.trusted_proxy_header,
        }
    }

    /// Binds the address, without serving yet.
    pub(super) async fn listen(
        &self,
        certificate: Option<Arc<Certificate>>,
    ) -> anyhow::Result<BoundListener> {
        let listener = TcpListener::bind(self.listen)
            .await
            .with_context(|| format!("can't listen on {}", self.listen))?;
        Ok(BoundListener {
            listener,
            certificate,
            limits: ConnectionLimits {
                most: with_files_for(self.connections),
                most_per_address: self.connections_per_address,
                head_time: Duration::from_secs(self.head_time),
                body_time: self.body_time(),
            },
            proxies: self.trusted_proxies(),
        })
    }

    /// The time limit of a request's body.
    pub(super) fn body_time(&self) -> Duration {
        Duration::from_secs(self.body_time)
    }
}

/// Raises the limit of open files for this number of connections. Returns a lower number if the system allows fewer
/// files.
fn with_files_for(connections: usize) -> usize {
    let wanted = (connections as u64).saturating_add(OTHER_FILES);
    match rlimit::increase_nofile_limit(wanted) {
        Ok(files) if files < wanted => {
            let fewer = files.saturating_sub(OTHER_FILES.min(files / 2)).max(1);
            tracing::warn!(
                wanted = connections,
                connections = fewer,
                "the system lets this process have {files} files open: raise that limit (ulimit -n), or lower --connections"
            );
            usize::try_from(fewer).unwrap_or(connections)
        }
        Ok(_) => connections,
        Err(error) => {
            tracing::warn!(%error, "can't read or raise the limit of open files");
            connections
        }
    }
}

impl BoundListener {
    /// Its URL.
    pub(super) fn url(&self) -> anyhow::Result<String> {
        let scheme = if self.certificate.is_some() {
            "https"
        } else {
            "http"
        };
        Ok(format!("{scheme}://{}", self.listener.local_addr()?))
    }

    /// Serves until shutdown. Running requests then get this grace period.
    pub(super) async fn serve(
        self,
        router: Router,
        metrics: &Arc<Metrics>,
        supervisor: &Supervisor,
        stop: impl Future<Output = ()>,
        patience: Duration,
    ) -> anyhow::Result<()> {
        let listener = LimitedListener::new(self.listener, self.limits, self.proxies, metrics);
        let times = Times {
            head: self.limits.head_time,
            shutdown: patience,
        };
        let metrics = &metrics.http;
        match self.certificate {
            Some(certificate) => {
                let config = tls::server_config(certificate)?;
                let listener = TlsListener::new(listener, config, supervisor)?;
                serving::serve(listener, router, times, metrics, stop).await;
            }
            None => serving::serve(listener, router, times, metrics, stop).await,
        }
        Ok(())
    }
}
