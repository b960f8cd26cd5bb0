//! The address of a request's client: the peer of the connection, or the address that a trusted proxy names.
//!
//! A proxy appends the address of its own peer to one header. So this header is read from the right, as long as the
//! last address is a trusted proxy's. Entries further left and all other headers come from the client, and are ignored.

use axum::http::{Extensions, HeaderMap, HeaderName, header::FORWARDED};
use clap::ValueEnum;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of the client: an extension of each request.
#[derive(Clone, Copy)]
pub(super) struct ClientAddress(pub(super) IpAddr);

/// The address of the client that sent a request. `None` if it did not come by network.
pub(crate) fn address(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get().map(|ClientAddress(address)| *address)
}

/// The header by which proxies name the address of their client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ProxyHeader {
    /// `X-Forwarded-For`, a list of addresses.
    #[default]
    XForwardedFor,
    /// `Forwarded`, as RFC 7239 has it.
    Forwarded,
}

/// The proxies that are trusted to forward a client's address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    /// Their addresses.
    pub networks: Vec<IpNet>,
    /// The header that they write.
    pub header: ProxyHeader,
}

impl TrustedProxies {
    /// Returns `true` if this is the address of a trusted proxy.
    pub fn includes(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks
            .iter()
            .any(|network| network.contains(&address))
    }

    /// The address of the client. Without a trusted proxy, that is the peer.
    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let lines = headers.get_all(match self.header {
            ProxyHeader::XForwardedFor => X_FORWARDED_FOR,
            ProxyHeader::Forwarded => FORWARDED,
        });
        let hops = lines.iter().rev().flat_map(|line| match self.header {
            ProxyHeader::XForwardedFor => x_forwarded_for(line.as_bytes()),
            ProxyHeader::Forwarded => forwarded(line.as_bytes()),
        });
        let mut client = peer.to_canonical();
        for hop in hops {
            match hop {
                Some(hop) if self.includes(client) => client = hop.to_canonical(),
                _ => break,
            }
        }
        client
    }
}

/// The `for` of each element of `Forwarded`, the last element first. `None` if the proxy does not say it, or hides it.
fn forwarded(line: &[u8]) -> Vec<Option<IpAddr>> {
    let element = |element: &[u8]| {
        let pairs = split_from_right(element, b';').into_iter();
        let mut named = pairs.filter_map(|pair| std::str::from_utf8(pair).ok()?.split_once('='));
        let (_, node) = named.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
        node_address(&unquoted(node))
    };
    let elements = split_from_right(line, b',').into_iter();
    elements.map(element).collect()
}

/// The addresses of `X-Forwarded-For`, the last one first.
fn x_forwarded_for(line: &[u8]) -> Vec<Option<IpAddr>> {
    line.rsplit(|it| *it == b',')
        .map(|hop| node_address(std::str::from_utf8(hop).ok()?))
        .collect()
}

/// The parts between separators outside quoted strings, the last part first. Reading from the right keeps a client's
/// open quote from swallowing the proxy's part.
fn split_from_right(text: &[u8], separator: u8) -> Vec<&[u8]> {
    let (mut is_quoted, mut is_after_quote) = (false, false);
    let parts = text.rsplit(|it| {
        match it {
            b'"' => (is_quoted, is_after_quote) = (!is_quoted, true),
            // Each backslash escapes what is right of it: the quote, or the backslash that would escape the quote.
            b'\\' if is_after_quote => is_quoted = !is_quoted,
            _ => is_after_quote = false,
        }
        *it == separator && !is_quoted
    });
    parts.collect()
}

/// A token, or a quoted string without its quotes. An address has nothing to escape.
fn unquoted(text: &str) -> String {
    text.replace(['"', '\\'], "")
}

/// The address of a node such as `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`.
/// Returns `None` for `unknown` or an obfuscated name.
fn node_address(node: &str) -> Option<IpAddr> {
    let node = node.trim();
    let bare = node
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    bare.unwrap_or(node)
        .parse()
        .or_else(|_| node.parse::<SocketAddr>().map(|it| it.ip()))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn client(peer: &str, headers: &[(HeaderName, &str)]) -> String {
        let proxies = ["10.0.0.0/8", "2001:db8:1::/48"].map(|it| it.parse().unwrap());
        let mut sent = HeaderMap::new();
        for (name, value) in headers {
            sent.append(name, HeaderValue::from_str(value).unwrap());
        }
        // The proxy writes the first of the headers.
        let header = match headers.first() {
            Some((name, _)) if *name == FORWARDED => ProxyHeader::Forwarded,
            _ => ProxyHeader::XForwardedFor,
        };
        let networks = proxies.into();
        let proxies = TrustedProxies { networks, header };
        proxies.client(peer.parse().unwrap(), &sent).to_string()
    }

    #[test]
    fn a_header_of_an_untrusted_peer_changes_nothing() {
        for header in [(FORWARDED, "for=1.2.3.4"), (X_FORWARDED_FOR, "1.2.3.4")] {
            assert_eq!(client("192.0.2.9", &[header]), "192.0.2.9");
        }
        assert_eq!(client("::ffff:192.0.2.9", &[]), "192.0.2.9");
    }

    #[test]
    fn the_rightmost_address_that_is_no_trusted_proxys_is_the_clients() {
        for (header, expected) in [
            ("198.51.100.7", "198.51.100.7"),
            ("1.2.3.4, 198.51.100.7", "198.51.100.7"),
            ("1.2.3.4, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
            ("1.2.3.4,198.51.100.7:4711", "198.51.100.7"),
            ("2001:db8::7", "2001:db8::7"),
            ("[2001:db8::7]:80", "2001:db8::7"),
            ("::ffff:198.51.100.7", "198.51.100.7"),
            ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
            // If the nearest proxy gives no address, entries further left are not used.
            ("1.2.3.4, unknown", "10.0.0.1"),
            ("1.2.3.4, unknown, 10.0.0.2", "10.0.0.2"),
            ("", "10.0.0.1"),
            ("1.2.3.4,", "10.0.0.1"),
        ] {
            assert_eq!(
                client("10.0.0.1", &[(X_FORWARDED_FOR, header)]),
                expected,
                "{header}"
            );
        }
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_has_it() {
        for (header, expected) in [
            ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
            ("For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
            ("proto=https; FOR=192.0.2.60", "192.0.2.60"),
            ("for=1.2.3.4, for=198.51.100.17", "198.51.100.17"),
            ("for=198.51.100.17, for=10.1.1.1", "198.51.100.17"),
            (
                "for=\"1.2.3.4, for=9.9.9.9\", for=198.51.100.17",
                "198.51.100.17",
            ),
            (
                "for=198.51.100.17;host=\"a,b;for=1.2.3.4\"",
                "198.51.100.17",
            ),
            ("for=1.2.3.4, for=_hidden", "10.0.0.1"),
            ("for=1.2.3.4, proto=https", "10.0.0.1"),
            ("for=1.2.3.4, for=\"unknown\"", "10.0.0.1"),
        ] {
            assert_eq!(
                client("10.0.0.1", &[(FORWARDED, header)]),
                expected,
                "{header}"
            );
        }
    }

    #[test]
    fn several_lines_of_a_header_are_one_list() {
        let lines = [
            (X_FORWARDED_FOR, "1.2.3.4"),
            (X_FORWARDED_FOR, "198.51.100.7"),
        ];
        assert_eq!(client("2001:db8:1::9", &lines), "198.51.100.7");
    }

    #[test]
    fn a_quote_that_a_client_leaves_open_hides_nothing_and_names_nobody() {
        for (header, expected) in [
            ("for=1.2.3.4;x=\", for=198.51.100.7", "198.51.100.7"),
            ("for=1.2.3.4;x=\", for=\"198.51.100.7:80\"", "198.51.100.7"),
            ("for=1.2.3.4;x=\"\\, for=198.51.100.7", "198.51.100.7"),
            (
                "for=1.2.3.4;x=\", for=198.51.100.7, for=10.0.0.2",
                "198.51.100.7",
            ),
            (
                "for=1.2.3.4, for=198.51.100.7;host=\"a\\\", b\\\\\"",
                "198.51.100.7",
            ),
            ("for=1.2.3.4, for=198.51.100.7;x=\"", "10.0.0.1"),
        ] {
            assert_eq!(
                client("10.0.0.1", &[(FORWARDED, header)]),
                expected,
                "{header}"
            );
        }
    }

    #[test]
    fn bytes_that_are_no_text_spoil_only_their_own_hop() {
        let value = HeaderValue::from_bytes(b"1.2.3.4, \xff, 198.51.100.7").unwrap();
        let headers = HeaderMap::from_iter([(X_FORWARDED_FOR, value)]);
        let proxies = TrustedProxies {
            networks: vec!["10.0.0.0/8".parse().unwrap()],
            header: ProxyHeader::default(),
        };
        let found = proxies.client("10.0.0.1".parse().unwrap(), &headers);
        assert_eq!(found.to_string(), "198.51.100.7");
    }

    #[test]
    fn a_header_that_the_proxy_does_not_write_is_not_read() {
        let (theirs, other) = (
            (X_FORWARDED_FOR, "198.51.100.7"),
            (FORWARDED, "for=1.2.3.4"),
        );
        assert_eq!(client("10.0.0.1", &[theirs, other]), "198.51.100.7");
        let (theirs, other) = (
            (FORWARDED, "for=198.51.100.7"),
            (X_FORWARDED_FOR, "1.2.3.4"),
        );
        assert_eq!(client("10.0.0.1", &[theirs, other]), "198.51.100.7");
        assert_eq!(ProxyHeader::default(), ProxyHeader::XForwardedFor);
    }
}
