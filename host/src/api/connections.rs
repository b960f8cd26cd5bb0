//! How many connections there may be, and how long one may keep its host waiting: so that no caller, whom nobody
//! knows yet, takes the places of all others.

use super::{client_address::TrustedProxies, held::Held};
use crate::{
    limiter::network,
    metrics::{Counted, HttpMetrics, Metrics},
};
use axum::serve::Listener;
use prometheus_client::metrics::counter::Counter;
use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::net::TcpListener;

/// How many connections there may be, and how long each may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections at one time.
    pub most: usize,
    /// Of these, from one address; of IPv6, from one network of 64 bits. A trusted proxy may have all.
    pub most_per_address: usize,
    /// How long a request's head may take, from the moment that the host is ready for it: so this is also how
    /// long a connection may be idle.
    pub head_time: Duration,
    /// How long a request's body may take, and how long a caller may read nothing of its answer.
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

/// Counts the connections.
pub(super) struct Places {
    pub(super) limits: ConnectionLimits,
    proxies: TrustedProxies,
    taken: Mutex<Taken>,
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

/// The place of one connection.
pub(super) struct Place {
    pub(super) places: Arc<Places>,
    address: IpAddr,
    _open: Counted,
}

impl Places {
    fn take(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let is_proxy = self.proxies.includes(address);
        let address = network(address);
        let mut taken = self.lock();
        if taken.all >= self.limits.most {
            self.refused.inc();
            return None;
        }
        let of_address = taken.by_address.entry(address).or_default();
        if *of_address >= self.limits.most_per_address && !is_proxy {
            self.refused_by_address.inc();
            return None;
        }
        *of_address += 1;
        taken.all += 1;
        Some(Place {
            places: Arc::clone(self),
            address,
            _open: Counted::new(&self.metrics.http.connections),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.all -= 1;
        if let Some(of_address) = taken.by_address.get_mut(&self.address) {
            *of_address -= 1;
            if *of_address == 0 {
                taken.by_address.remove(&self.address);
            }
        }
    }
}

/// A listener that closes what goes beyond the limits, before anything of it is read.
pub struct LimitedListener {
    listener: TcpListener,
    places: Arc<Places>,
}

impl LimitedListener {
    /// Holds a listener's connections to these limits.
    pub fn new(
        listener: TcpListener,
        limits: ConnectionLimits,
        proxies: TrustedProxies,
        metrics: &Arc<Metrics>,
    ) -> Self {
        let http: &HttpMetrics = &metrics.http;
        let places = Places {
            limits,
            proxies,
            taken: Mutex::default(),
            refused: http.limit("connections"),
            refused_by_address: http.limit("connections-per-address"),
            stalled: http.limit("answer-time"),
            metrics: Arc::clone(metrics),
        };
        Self {
            listener,
            places: Arc::new(places),
        }
    }
}

impl Listener for LimitedListener {
    type Io = Held;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Held, SocketAddr) {
        loop {
            let (stream, peer) = Listener::accept(&mut self.listener).await;
            if let Some(place) = self.places.take(peer.ip()) {
                return (Held::new(stream, place), peer);
            }
            tracing::debug!(%peer, "a connection too many was closed");
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(most: usize, most_per_address: usize) -> Arc<Places> {
        let metrics = Arc::new(Metrics::default());
        Arc::new(Places {
            limits: ConnectionLimits {
                most,
                most_per_address,
                ..ConnectionLimits::DEFAULT
            },
            proxies: TrustedProxies(vec!["10.9.0.0/16".parse().unwrap()]),
            taken: Mutex::default(),
            refused: Counter::default(),
            refused_by_address: Counter::default(),
            stalled: Counter::default(),
            metrics,
        })
    }

    #[test]
    fn one_address_takes_no_more_than_its_places_and_gets_them_back() {
        let places = places(3, 2);
        let take = |address: &str| places.take(address.parse().unwrap());
        let (first, second) = (take("10.0.0.1"), take("::ffff:10.0.0.1"));
        assert!(first.is_some() && second.is_some());
        assert!(take("10.0.0.1").is_none(), "it has both of its places");
        let other = take("10.0.0.2");
        assert!(other.is_some());
        assert!(take("10.0.0.3").is_none(), "all places are taken");
        assert_eq!(
            (places.refused.get(), places.refused_by_address.get()),
            (1, 1)
        );
        drop(first);
        assert!(take("10.0.0.1").is_some());
        drop((second, other));
        assert!(places.lock().by_address.is_empty());
    }

    #[test]
    fn a_trusted_proxy_may_have_all_places() {
        let places = places(3, 1);
        let take = |address: &str| places.take(address.parse().unwrap());
        let taken = [0; 3].map(|_| take("10.9.0.1"));
        assert!(taken.iter().all(Option::is_some));
        assert!(take("10.9.0.1").is_none(), "all places are taken");
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_share_their_places() {
        let places = places(9, 1);
        let take = |address: &str| places.take(address.parse().unwrap());
        let first = take("2001:db8:0:1::1");
        assert!(first.is_some() && take("2001:db8:0:1:ffff::2").is_none());
        assert!(take("2001:db8:0:2::1").is_some());
    }
}
