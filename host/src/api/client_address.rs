//! The address of a request's client: the peer of the connection, or what a trusted proxy tells of it.
//!
//! A proxy adds the address of its own peer at the end of `Forwarded` (RFC 7239) or `X-Forwarded-For`. So the headers
//! are read from the right, as long as the address found so far is a trusted proxy's. What stands further left was
//! sent by the client, and is ignored.

use axum::http::{Extensions, HeaderMap, HeaderName, header::FORWARDED};
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of the client: an extension of each request.
#[derive(Clone, Copy)]
pub(super) struct ClientAddress(pub(super) IpAddr);

/// The address of the client that sent a request. None: it did not come by network.
pub(crate) fn address(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get().map(|ClientAddress(address)| *address)
}

/// The proxies whose word on a client's address is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(pub Vec<IpNet>);

impl TrustedProxies {
    /// Whether this is the address of a trusted proxy.
    pub fn includes(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The address of the client. Without a trusted proxy, that is the peer. If the two headers name different
    /// clients, one of them was not written by the proxy, and neither is believed.
    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.includes(peer) {
            return peer;
        }
        let read = |name: HeaderName, hops: fn(&str) -> Vec<Option<IpAddr>>| {
            let lines = headers.get_all(name);
            let hops = lines
                .iter()
                .flat_map(|line| line.to_str().map_or(vec![None], hops));
            let hops: Vec<Option<IpAddr>> = hops.collect();
            (!hops.is_empty()).then(|| self.last_untrusted(peer, &hops))
        };
        match (
            read(FORWARDED, forwarded),
            read(X_FORWARDED_FOR, x_forwarded_for),
        ) {
            (Some(one), Some(other)) if one != other => {
                tracing::debug!(%peer, "Forwarded and X-Forwarded-For name different clients: the proxy has to remove \
                     the header that it does not write");
                peer
            }
            (Some(client), _) | (None, Some(client)) => client,
            (None, None) => peer,
        }
    }

    fn last_untrusted(&self, peer: IpAddr, hops: &[Option<IpAddr>]) -> IpAddr {
        let mut client = peer;
        for hop in hops.iter().rev() {
            match hop {
                Some(hop) if self.includes(client) => client = hop.to_canonical(),
                _ => break,
            }
        }
        client
    }
}

/// The `for` of each element of `Forwarded`. None: the proxy does not say it, or hides it.
fn forwarded(line: &str) -> Vec<Option<IpAddr>> {
    let element = |element: &str| {
        let pairs = split(element, ';').into_iter();
        let mut named = pairs.filter_map(|pair| pair.trim().split_once('='));
        let (_, node) = named.find(|(name, _)| name.eq_ignore_ascii_case("for"))?;
        node_address(&unquoted(node))
    };
    split(line, ',').into_iter().map(element).collect()
}

fn x_forwarded_for(line: &str) -> Vec<Option<IpAddr>> {
    line.split(',').map(node_address).collect()
}

/// The parts between separators that are not in a quoted string.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let parts = text.split(|it: char| {
        let is_end = it == separator && !is_quoted;
        match it {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ => {}
        }
        is_end
    });
    parts.collect()
}

/// A token, or a quoted string without its quotes. An address has nothing to escape.
fn unquoted(text: &str) -> String {
    text.replace(['"', '\\'], "")
}

/// The address of a node such as `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`.
/// None: `unknown`, or an obfuscated name.
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
        let proxies = TrustedProxies(proxies.into());
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
            // What the nearest proxy does not say is not looked for further left.
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
    fn of_two_headers_that_differ_neither_is_believed() {
        let both = |forwarded| {
            let headers = [(FORWARDED, forwarded), (X_FORWARDED_FOR, "198.51.100.7")];
            client("10.0.0.1", &headers)
        };
        assert_eq!(both("for=198.51.100.7"), "198.51.100.7");
        assert_eq!(both("for=1.2.3.4"), "10.0.0.1");
    }
}
