//! Allowed destinations of webhooks, against server-side request forgery: an admin chooses the URL, and the server
//! sends the request. By default it sends to public addresses only.

use crate::bounds::{MAX_URL, is_longer};
use reqwest::{
    Url,
    dns::{Name, Resolve, Resolving},
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Allowed destinations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Destinations {
    /// Public Internet addresses, by TLS.
    #[default]
    Public,
    /// Private networks as well, and this machine without TLS.
    Private,
}

/// Reason why the server does not send to a URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoDestination {
    /// The text is not a valid URL.
    #[error("`{0}` is no URL such as https://example.com/hook")]
    NoUrl(String),
    /// Credentials in a URL leak to its readers.
    #[error("a URL has no user name, no password and no fragment: messages are signed instead")]
    Credentials,
    /// The URL does not use TLS.
    #[error(
        "the URL has to begin with https://, so that messages are encrypted; http:// is allowed for this \
         machine only, if the host runs with --webhooks-to-private-networks"
    )]
    NotSecure,
    /// The address is not public.
    #[error(
        "{0} is not an address of the public Internet: the host sends there only if it runs with \
         --webhooks-to-private-networks"
    )]
    NotPublic(String),
    /// The name has no address, or one that is not public. The error does not tell which, because that would reveal
    /// names of the server's network.
    #[error(
        "{0} has no address of the public Internet, and the host sends to others only if it runs with \
         --webhooks-to-private-networks. Its log says more"
    )]
    NoPublicAddress(String),
}

impl Destinations {
    /// Parses a URL, and checks it without a DNS lookup.
    pub fn read(self, text: &str) -> Result<Url, NoDestination> {
        let no_url = || NoDestination::NoUrl(text.chars().take(100).collect());
        let url = Url::parse(text).map_err(|_| no_url())?;
        let host = url.host_str().ok_or_else(no_url)?;
        if is_longer(text, MAX_URL) {
            return Err(no_url());
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(NoDestination::Credentials);
        }
        let address = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<IpAddr>();
        let is_here = match address {
            Ok(address) => address.is_loopback(),
            Err(_) => is_localhost(host),
        };
        match url.scheme() {
            "https" => {}
            "http" if self == Self::Private && is_here => {}
            "http" => return Err(NoDestination::NotSecure),
            _ => return Err(no_url()),
        }
        match address {
            Ok(address) => self.check(address)?,
            Err(_) if is_here && self == Self::Public => {
                return Err(NoDestination::NotPublic(host.to_owned()));
            }
            Err(_) => {}
        }
        Ok(url)
    }

    /// Errors if the server may not send to this address.
    fn check(self, address: IpAddr) -> Result<(), NoDestination> {
        match self == Self::Private || is_public(address) {
            true => Ok(()),
            false => Err(NoDestination::NotPublic(address.to_string())),
        }
    }
}

/// Resolves a name. Returns its addresses only if all of them are allowed. The client connects to this result, which
/// prevents DNS rebinding.
impl Resolve for Destinations {
    fn resolve(&self, name: Name) -> Resolving {
        let destinations = *self;
        Box::pin(async move {
            // The operator knows the server's network; the creator of a webhook may not.
            let name = name.as_str();
            let no_address = || NoDestination::NoPublicAddress(name.to_owned());
            let found: Vec<SocketAddr> = match tokio::net::lookup_host((name, 0)).await {
                Ok(found) => found.collect(),
                Err(error) => {
                    tracing::info!(name, %error, "the name of a webhook's receiver was not found");
                    return Err(no_address().into());
                }
            };
            if found.is_empty() {
                tracing::info!(name, "the name of a webhook's receiver has no address");
                return Err(no_address().into());
            }
            if let Some(inner) = found.iter().find(|it| destinations.check(it.ip()).is_err()) {
                tracing::info!(name, address = %inner.ip(), "a webhook's receiver has an inner address");
                return Err(no_address().into());
            }
            Ok(Box::new(found.into_iter()) as Box<_>)
        })
    }
}

fn is_localhost(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    host == "localhost" || host.ends_with(".localhost")
}

/// Returns `true` for a globally reachable address (the registries of special addresses, RFC 6890).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = matches!(
        (a, b, c),
        (0 | 10 | 127 | 224..=255, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 168, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    );
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(address) = address.to_ipv4_mapped() {
        return is_public_v4(address);
    }
    let [a, b, c, d, e, f, g, h] = address.segments();
    // NAT64: a gateway translates it to an IPv4 address.
    if (a, b, c, d, e, f) == (0x64, 0xff9b, 0, 0, 0, 0) {
        let [g, h] = [g, h].map(u16::to_be_bytes);
        return is_public_v4(Ipv4Addr::new(g[0], g[1], h[0], h[1]));
    }
    let is_special = match (a, b) {
        // This includes Teredo, which embeds IPv4 addresses.
        (0x2001, 0..=0x1ff) | (0x2001, 0xdb8) => true,
        // 6to4 embeds an IPv4 address, too.
        (0x2002, _) => true,
        (0x3fff, 0..=0xfff) => true,
        _ => false,
    };
    (0x2000..=0x3fff).contains(&a) && !is_special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_only_this_place_reaches_is_not_public() {
        for inner in [
            "127.0.0.1",
            "127.8.9.10",
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(inner.parse().unwrap()), "{inner}");
        }
        for outer in [
            "1.1.1.1",
            "172.15.0.1",
            "172.32.0.1",
            "100.128.0.1",
            "192.0.1.1",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
            "2606:4700:4700::1111",
            "2a00::1",
        ] {
            assert!(is_public(outer.parse().unwrap()), "{outer}");
        }
    }

    #[test]
    fn without_the_option_only_tls_to_public_addresses_is_taken() {
        let public = |text| Destinations::Public.read(text);
        assert!(public("https://example.com/hook?key=1").is_ok());
        assert!(public("https://1.1.1.1:8443/").is_ok());
        for bad in [
            "",
            "example.com",
            "ftp://example.com/",
            "file:///etc/passwd",
            "http://example.com/",
            "http://127.0.0.1/",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://127.1/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://localhost/",
            "https://LOCALHOST./",
            "https://a.localhost/",
            "https://192.168.0.1/",
            "https://169.254.169.254/latest/meta-data/",
            "https://user:secret@example.com/",
            "https://example.com/#part",
        ] {
            assert!(public(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn with_the_option_plain_http_is_taken_for_this_machine_and_tls_for_all() {
        let private = |text| Destinations::Private.read(text);
        for good in [
            "http://127.0.0.1:8000/hook",
            "http://[::1]:8000/",
            "http://localhost:8000/",
            "https://192.168.0.1/",
            "https://intern/",
        ] {
            assert!(private(good).is_ok(), "{good}");
        }
        assert_eq!(
            private("http://192.168.0.1/"),
            Err(NoDestination::NotSecure)
        );
    }

    #[tokio::test]
    async fn a_name_that_stands_for_an_inner_address_is_not_called() {
        let resolve = |destinations: Destinations| {
            let name = "localhost".parse::<Name>().unwrap();
            destinations.resolve(name)
        };
        let refused = resolve(Destinations::Public).await.err().unwrap();
        let refused = refused.downcast_ref::<NoDestination>();
        assert_eq!(
            refused,
            Some(&NoDestination::NoPublicAddress("localhost".into()))
        );
        assert!(resolve(Destinations::Private).await.is_ok());
    }

    #[tokio::test]
    async fn nobody_is_told_whether_a_name_is_there_that_has_no_public_address() {
        let told = async |name: &str| {
            let name = name.parse::<Name>().unwrap();
            let refused = Destinations::Public.resolve(name).await.err().unwrap();
            refused.to_string()
        };
        let (inner, unknown) = (told("localhost").await, told("nowhere.invalid").await);
        assert_eq!(inner.replace("localhost", "nowhere.invalid"), unknown);
    }
}
