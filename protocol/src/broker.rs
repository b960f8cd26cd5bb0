//! The MQTT broker between a server and its agents. It carries "sync now", and nothing else.

use percent_encoding::percent_decode_str;
use rumqttc::{AsyncClient, ClientBuildError, EventLoop, MqttOptions, TlsConfiguration, Transport};
use rustls_platform_verifier::BuilderVerifierExt as _;
use std::{fmt, str::FromStr, sync::Arc};
use tokio_rustls::rustls::{
    self, ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use url::Url;
use uuid::Uuid;

/// Keep-alive interval of a connection, in seconds.
const KEEP_ALIVE_SECONDS: u16 = 30;
/// The largest message that is read, in bytes: "sync now" is its topic alone.
const LARGEST_READ: usize = 1024;
/// The largest message that is written, in bytes: that with the login.
const LARGEST_WRITTEN: usize = 64 * 1024;

/// The address of a broker: `mqtt://host:1883`, or `mqtts://user:password@host:8883` by TLS and with a login.
#[derive(Clone, PartialEq, Eq)]
pub struct BrokerUrl(Url);

/// Why a broker can't be used.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The address is none. It may hold a password, so it is not repeated.
    #[error(
        "a broker's address is like mqtt://host:1883, or mqtts://user:password@host:8883 for TLS and a login, \
         and this one isn't"
    )]
    BadUrl,
    /// The authority's certificates are none.
    #[error("the certificates of the broker's authority are not PEM")]
    BadAuthorities,
    /// TLS can't be had.
    #[error("TLS to the broker can't be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The client library refuses the options.
    #[error("the MQTT client can't be set up: {0}")]
    Client(#[from] ClientBuildError),
}

impl FromStr for BrokerUrl {
    type Err = BrokerError;

    fn from_str(text: &str) -> Result<Self, BrokerError> {
        let url = Url::parse(text).map_err(|_| BrokerError::BadUrl)?;
        let is_whole = matches!(url.scheme(), "mqtt" | "mqtts")
            && url.host_str().is_some_and(|host| !host.is_empty())
            && matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none();
        is_whole.then_some(Self(url)).ok_or(BrokerError::BadUrl)
    }
}

/// As people are shown it: without the login.
impl fmt::Display for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.0.host_str().unwrap_or_default();
        write!(f, "{}://{host}:{}", self.0.scheme(), self.port())
    }
}

impl fmt::Debug for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl BrokerUrl {
    /// This URL without its login.
    pub fn without_login(&self) -> Self {
        let mut url = self.0.clone();
        // These refuse only an address that has no host, and so is no broker's.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        Self(url)
    }

    /// All of it, with the login.
    pub fn whole(&self) -> &str {
        self.0.as_str()
    }

    fn is_tls(&self) -> bool {
        self.0.scheme() == "mqtts"
    }

    fn port(&self) -> u16 {
        let usual = if self.is_tls() { 8883 } else { 1883 };
        self.0.port().unwrap_or(usual)
    }

    /// Returns an MQTT client with a unique client id, and the event loop that connects it. Up to `capacity` requests
    /// wait for the event loop. `authorities` are the root certificates for TLS, in PEM; `None` uses the system's.
    pub fn client(
        &self,
        authorities: Option<&str>,
        capacity: usize,
    ) -> Result<(AsyncClient, EventLoop), BrokerError> {
        let builder = AsyncClient::builder(self.options(authorities)?);
        Ok(builder.capacity(capacity).try_build()?)
    }

    fn options(&self, authorities: Option<&str>) -> Result<MqttOptions, BrokerError> {
        let host = self.0.host_str().unwrap_or_default();
        let mut options = MqttOptions::new(client_name(), (host, self.port()));
        options
            .set_keep_alive(KEEP_ALIVE_SECONDS)
            .set_max_packet_size(LARGEST_READ, LARGEST_WRITTEN);
        let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
        if !self.0.username().is_empty() {
            let password = self.0.password().unwrap_or_default();
            options.set_credentials(decoded(self.0.username()), decoded(password));
        }
        if self.is_tls() {
            let config = TlsConfiguration::Rustls(Arc::new(tls(authorities)?));
            options.set_transport(Transport::tls_with_config(config));
        }
        Ok(options)
    }
}

/// A random client id of at most 23 bytes, which every broker accepts (MQTT 3.1.1, 3.1.3.1). The first half of a UUIDv7
/// is the time, so only the second is used.
fn client_name() -> String {
    let id = Uuid::now_v7().simple().to_string();
    format!("mdm-{}", &id[16..])
}

fn tls(authorities: Option<&str>) -> Result<ClientConfig, BrokerError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?;
    let Some(authorities) = authorities else {
        return Ok(builder.with_platform_verifier()?.with_no_client_auth());
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authorities.as_bytes()) {
        roots.add(certificate.map_err(|_| BrokerError::BadAuthorities)?)?;
    }
    if roots.is_empty() {
        return Err(BrokerError::BadAuthorities);
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rumqttc::ConnectAuth;

    #[test]
    fn a_broker_is_named_by_scheme_host_and_port_and_shown_without_its_login() {
        let shown = |text: &str| text.parse::<BrokerUrl>().map(|url| format!("{url:?}"));
        assert_eq!(shown("mqtt://broker").unwrap(), "mqtt://broker:1883");
        assert_eq!(shown("mqtt://127.0.0.1:18").unwrap(), "mqtt://127.0.0.1:18");
        assert_eq!(shown("mqtts://anna:s3@b").unwrap(), "mqtts://b:8883");
        for bad in [
            "",
            "broker",
            "http://broker",
            "mqtt://",
            "mqtt://b/topic",
            "mqtt://b?x=1",
        ] {
            assert!(shown(bad).is_err(), "{bad}");
        }
        let refused = shown("anna:s3cret@broker").unwrap_err().to_string();
        assert!(!refused.contains("s3cret"), "{refused}");
    }

    #[test]
    fn a_login_goes_to_the_broker_as_it_was_meant() {
        let url: BrokerUrl = "mqtt://an%40na:p%3Aq@broker".parse().unwrap();
        let login = ConnectAuth::UsernamePassword {
            username: "an@na".into(),
            password: "p:q".into(),
        };
        assert_eq!(url.options(None).unwrap().auth(), &login);
        assert_eq!(url.without_login().whole(), "mqtt://broker");
        let url: BrokerUrl = "mqtt://broker".parse().unwrap();
        assert_eq!(url.options(None).unwrap().auth(), &ConnectAuth::None);
    }

    #[test]
    fn authorities_that_are_none_are_refused() {
        let url: BrokerUrl = "mqtts://broker".parse().unwrap();
        for bad in ["", "no certificate"] {
            assert!(matches!(
                url.options(Some(bad)),
                Err(BrokerError::BadAuthorities)
            ));
        }
        url.options(None).unwrap();
    }
}
