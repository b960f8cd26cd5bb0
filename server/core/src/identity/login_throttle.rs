//! Rate limits for guesses of passwords and codes, at login and inside a session.

use crate::{
    limiter::{Limiter, network},
    token,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use governor::Quota;
use std::{net::IpAddr, num::NonZeroU32, sync::Arc};

/// Attempts per minute for one name from one network. Other networks have their own allowance, so an attacker locks
/// no user out.
const TRIES_BY_NAME: NonZeroU32 = NonZeroU32::new(10).unwrap();

/// Attempts per minute from one network, for any names.
const TRIES_BY_NETWORK: NonZeroU32 = NonZeroU32::new(60).unwrap();

/// Rate limits for guesses, shared with all replicas.
pub(crate) struct LoginThrottle {
    by_name: Arc<Limiter>,
    by_network: Arc<Limiter>,
    in_session: Arc<Limiter>,
}

impl Default for LoginThrottle {
    fn default() -> Self {
        let limit = |name, tries| Arc::new(Limiter::new(name, Quota::per_minute(tries)));
        Self {
            by_name: limit("sign-in", TRIES_BY_NAME),
            by_network: limit("sign-in-address", TRIES_BY_NETWORK),
            in_session: limit("confirmation", TRIES_BY_NAME),
        }
    }
}

impl LoginThrottle {
    /// All limits, for sharing with replicas.
    pub(crate) fn limits(&self) -> [&Arc<Limiter>; 3] {
        [&self.by_name, &self.by_network, &self.in_session]
    }

    /// Counts a login attempt. Returns `false` above the limit.
    pub(super) fn allows_login(&self, name: &str, address: Option<IpAddr>) -> bool {
        let network = text(address);
        let by_network = self.by_network.check(&network);
        // A digest, because replicas exchange the keys, and a typed name may be long or a password.
        let name = BASE64.encode(token::digest(name));
        let by_name = self.by_name.check(&format!("{network} {name}"));
        by_network.and(by_name).is_some()
    }

    /// Counts an attempt to confirm a secret in a session. Returns `false` above the limit. It requires a session, so
    /// one limit applies to the user from all addresses.
    pub(super) fn allows_confirmation(&self, user: &str, address: Option<IpAddr>) -> bool {
        let by_network = self.by_network.check(&text(address));
        let by_user = self.in_session.check(user);
        by_network.and(by_user).is_some()
    }
}

fn text(address: Option<IpAddr>) -> String {
    let network = address.map(network);
    network.map(|it| it.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(tries: impl Iterator<Item = String>, name: &str) -> usize {
        let throttle = LoginThrottle::default();
        let tries = tries.filter(|it| throttle.allows_login(name, Some(it.parse().unwrap())));
        tries.count()
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_of_64_bits_share_their_tries() {
        let same = (1..40).map(|number| format!("2001:db8:0:1::{number}"));
        assert_eq!(allowed(same, "alice"), 10);
        let others = (1..40).map(|number| format!("2001:db8:0:{number}::1"));
        assert_eq!(allowed(others, "alice"), 39);
    }

    #[test]
    fn in_a_session_tries_are_counted_for_the_user_whatever_the_address() {
        let throttle = LoginThrottle::default();
        let tries = (1..40).map(|number| format!("10.0.0.{number}").parse().unwrap());
        let allowed = tries.filter(|it| throttle.allows_confirmation("alice", Some(*it)));
        assert_eq!(allowed.count(), 10);
        let address = "10.0.1.1".parse().ok();
        assert!(throttle.allows_confirmation("bob", address), "another user");
        assert!(
            throttle.allows_login("alice", address),
            "who signs in is not locked out"
        );
    }
}
