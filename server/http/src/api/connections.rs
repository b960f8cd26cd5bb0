//! Limits on the number of connections and on the time that each may keep the server waiting. No unauthenticated caller
//! takes the connections of all others.

use super::client_address::TrustedProxies;
use mdm_server_core::{
    limiter::network,
    metrics::{Counted, Metrics},
};
use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

/// The limits of connections, in number and in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections at one time.
    pub most: usize,
    /// Of these, from one address; of IPv6, from one network of 64 bits. A trusted proxy may have all.
    pub most_per_address: usize,
    /// The time limit of a request's head, counted from the moment that the server is ready for it. It also limits
    /// how long a connection is idle.
    pub head_time: Duration,
    /// The time limit of a request's body, and of a caller that reads nothing of its response.
    pub body_time: Duration,
}

impl ConnectionLimits {
    /// A connection for each of a fleet's agents, which wait for news; and time for slow networks.
    pub const DEFAULT: Self = Self {
        most: 10_000,
        most_per_address: 2_000,
        head_time: Duration::from_secs(15),
        body_time: Duration::from_secs(30),
    };
}

/// Connections beyond the limit, for health checks only, so that a busy server is not restarted.
pub const RESERVED_CONNECTIONS: usize = 8;

/// Of these, from one address.
const RESERVED_PER_ADDRESS: usize = 2;

/// The peer of a connection.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionPeer {
    /// The address.
    pub address: SocketAddr,
    /// It is one of the [`RESERVED_CONNECTIONS`].
    pub is_reserved: bool,
}

/// Connection limiter: hands out a [`Permit`] for each connection.
pub(super) struct ConnectionLimiter {
    pub(super) limits: ConnectionLimits,
    proxies: TrustedProxies,
    taken: Mutex<Taken>,
    reserved: Mutex<Taken>,
    metrics: Arc<Metrics>,
    refused: Counter,
    refused_by_address: Counter,
    pub(super) stalled: Counter,
}

#[derive(Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// Which limit is reached.
enum Full {
    Connections,
    Address,
}

impl Taken {
    fn take(&mut self, address: IpAddr, most: usize, per_address: usize) -> Result<(), Full> {
        if self.all >= most {
            return Err(Full::Connections);
        }
        let of_address = self.by_address.entry(address).or_default();
        if *of_address >= per_address {
            return Err(Full::Address);
        }
        *of_address += 1;
        self.all += 1;
        Ok(())
    }

    fn give_back(&mut self, address: IpAddr) {
        self.all -= 1;
        if let Some(of_address) = self.by_address.get_mut(&address) {
            *of_address -= 1;
            if *of_address == 0 {
                self.by_address.remove(&address);
            }
        }
    }
}

/// The permit of one connection, given back when it is dropped.
pub(super) struct Permit {
    pub(super) limiter: Arc<ConnectionLimiter>,
    address: IpAddr,
    pub(super) is_reserved: bool,
    _open: Counted,
}

impl ConnectionLimiter {
    pub(super) fn new(
        limits: ConnectionLimits,
        proxies: TrustedProxies,
        metrics: &Arc<Metrics>,
    ) -> Self {
        let http = &metrics.http;
        Self {
            limits,
            proxies,
            taken: Mutex::default(),
            reserved: Mutex::default(),
            refused: http.limit("connections"),
            refused_by_address: http.limit("connections-per-address"),
            stalled: http.limit("answer-time"),
            metrics: Arc::clone(metrics),
        }
    }

    /// Returns `None` if no connection is left for this address, not even a reserved one.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Option<Permit> {
        let is_proxy = self.proxies.includes(address);
        let address = network(address);
        let ConnectionLimits {
            most,
            most_per_address,
            ..
        } = self.limits;
        let most_of_it = match is_proxy {
            true => most,
            false => most_per_address,
        };
        let taken = self.taken.lock().take(address, most, most_of_it);
        let is_reserved = taken.is_err();
        if let Err(full) = taken {
            match full {
                Full::Connections => self.refused.inc(),
                Full::Address => {
                    self.refused_by_address.inc();
                    return None;
                }
            };
            let (most, per_address) = (RESERVED_CONNECTIONS, RESERVED_PER_ADDRESS);
            self.reserved.lock().take(address, most, per_address).ok()?;
        }
        Some(Permit {
            limiter: Arc::clone(self),
            address,
            is_reserved,
            _open: Counted::new(&self.metrics.http.connections),
        })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let taken = match self.is_reserved {
            true => &self.limiter.reserved,
            false => &self.limiter.taken,
        };
        taken.lock().give_back(self.address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(most: usize, most_per_address: usize) -> Arc<ConnectionLimiter> {
        let limits = ConnectionLimits {
            most,
            most_per_address,
            ..ConnectionLimits::DEFAULT
        };
        let proxies = TrustedProxies {
            networks: vec!["10.9.0.0/16".parse().unwrap()],
            ..TrustedProxies::default()
        };
        Arc::new(ConnectionLimiter::new(limits, proxies, &Arc::default()))
    }

    #[test]
    fn one_address_takes_no_more_than_its_places_and_gets_them_back() {
        let limiter = limiter(3, 2);
        let take = |address: &str| {
            let permit = limiter.take(address.parse().unwrap());
            permit.filter(|permit| !permit.is_reserved)
        };
        let (first, second) = (take("10.0.0.1"), take("::ffff:10.0.0.1"));
        assert!(first.is_some() && second.is_some());
        assert!(take("10.0.0.1").is_none(), "it has both of its places");
        let other = take("10.0.0.2");
        assert!(other.is_some());
        assert!(take("10.0.0.3").is_none(), "all places are taken");
        assert_eq!(
            (limiter.refused.get(), limiter.refused_by_address.get()),
            (1, 1)
        );
        drop(first);
        assert!(take("10.0.0.1").is_some());
        drop((second, other));
        assert!(limiter.taken.lock().by_address.is_empty());
        assert!(limiter.reserved.lock().by_address.is_empty());
    }

    #[test]
    fn a_trusted_proxy_may_have_all_places() {
        let limiter = limiter(3, 1);
        let take = |address: &str| {
            let permit = limiter.take(address.parse().unwrap());
            permit.filter(|permit| !permit.is_reserved)
        };
        let taken = [0; 3].map(|_| take("10.9.0.1"));
        assert!(taken.iter().all(Option::is_some));
        assert!(take("10.9.0.1").is_none(), "all places are taken");
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_share_their_places() {
        let limiter = limiter(9, 1);
        let take = |address: &str| {
            let permit = limiter.take(address.parse().unwrap());
            permit.filter(|permit| !permit.is_reserved)
        };
        let first = take("2001:db8:0:1::1");
        assert!(first.is_some() && take("2001:db8:0:1:ffff::2").is_none());
        assert!(take("2001:db8:0:2::1").is_some());
    }

    #[test]
    fn beyond_the_limit_some_places_are_reserved_of_which_no_address_takes_all() {
        let limiter = limiter(1, 1);
        let take = |address: &str| limiter.take(address.parse().unwrap());
        let first = take("10.0.0.1").unwrap();
        assert!(!first.is_reserved);
        let mine = [take("10.0.0.1"), take("10.0.0.1")];
        assert!(mine.iter().flatten().all(|permit| permit.is_reserved));
        assert!(take("10.0.0.1").is_none());
        let others: Vec<_> = (2..=20)
            .filter_map(|it| take(&format!("10.0.0.{it}")))
            .collect();
        assert_eq!(others.len() + mine.len(), RESERVED_CONNECTIONS);
        drop(first);
        assert!(!take("10.0.0.1").unwrap().is_reserved);
    }
}
