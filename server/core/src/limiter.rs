//! Rate limits. Replicas exchange their counts, so that a limit applies to all of them together, with a short delay.

use crate::store::CallCount;
use governor::{
    Quota, RateLimiter, clock::DefaultClock, middleware::StateInformationMiddleware,
    state::keyed::DefaultKeyedStateStore,
};
use parking_lot::Mutex;
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
};

/// Number of calls between cleanups of idle callers.
const CLEANUP_INTERVAL: u32 = 10_000;

/// Network that one caller likely owns: an IPv4 address, or 64 bits of IPv6.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        address => address,
    }
}

/// A rate limit for each caller.
pub struct Limiter {
    name: &'static str,
    quota: Quota,
    callers: RateLimiter<
        String,
        DefaultKeyedStateStore<String>,
        DefaultClock,
        StateInformationMiddleware,
    >,
    calls: AtomicU32,
    /// `true` if other replicas get the counts.
    is_shared: AtomicBool,
    /// Counts that other replicas have not received.
    untold: Mutex<HashMap<String, u32>>,
}

impl Limiter {
    /// A limit with a name that is the same on all replicas.
    pub fn new(name: &'static str, quota: Quota) -> Self {
        Self {
            name,
            quota,
            callers: RateLimiter::keyed(quota).with_middleware(),
            calls: AtomicU32::new(0),
            is_shared: AtomicBool::new(false),
            untold: Mutex::default(),
        }
    }

    /// Maximum burst.
    pub fn burst(&self) -> NonZeroU32 {
        self.quota.burst_size()
    }

    /// Counts a call. Returns the calls that are left, or `None` above the limit.
    pub fn check(&self, caller: &str) -> Option<u32> {
        let calls = self.calls.fetch_add(1, Ordering::Relaxed);
        if calls.is_multiple_of(CLEANUP_INTERVAL) {
            self.callers.retain_recent();
        }
        let caller = caller.to_owned();
        let left = self.callers.check_key(&caller).ok()?;
        if self.is_shared.load(Ordering::Relaxed) {
            let mut untold = self.untold.lock();
            *untold.entry(caller).or_default() += 1;
        }
        Some(left.remaining_burst_capacity())
    }

    /// Enables sharing with other replicas.
    pub fn share(&self) {
        self.is_shared.store(true, Ordering::Relaxed);
    }

    /// Takes the counts that other replicas have not received.
    pub fn untold(&self) -> Vec<CallCount> {
        let mut untold = self.untold.lock();
        let counts = untold.drain().map(|(caller, calls)| CallCount {
            limit: self.name.to_owned(),
            caller,
            calls,
        });
        counts.collect()
    }

    /// Adds counts from another replica.
    pub fn told(&self, count: &CallCount) {
        if count.limit != self.name {
            return;
        }
        let calls = count.calls.min(self.burst().get());
        for _ in 0..calls {
            if self.callers.check_key(&count.caller).is_err() {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREE: NonZeroU32 = NonZeroU32::new(3).unwrap();

    #[test]
    fn a_limit_is_one_for_all_replicas() {
        let [one, two] = [0; 2].map(|_| Limiter::new("address", Quota::per_hour(THREE)));
        one.share();
        assert_eq!(one.check("a"), Some(2));
        assert_eq!(one.check("a"), Some(1));
        for count in one.untold() {
            two.told(&count);
        }
        assert!(one.untold().is_empty(), "nothing is told twice");
        assert_eq!(two.check("a"), Some(0));
        assert_eq!(two.check("a"), None);
        assert_eq!(two.check("b"), Some(2), "another caller");
    }

    #[test]
    fn what_counts_for_one_limit_counts_for_no_other() {
        let limiter = Limiter::new("address", Quota::per_hour(THREE));
        limiter.told(&CallCount {
            limit: "device".into(),
            caller: "a".into(),
            calls: 3,
        });
        assert_eq!(limiter.check("a"), Some(2));
    }
}
