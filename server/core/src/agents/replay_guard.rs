//! Replay protection: rejects stale timestamps and reused nonces. Nonces are in memory, so that a sync writes nothing.
//! Signatures from before the start of the server are rejected.

use mdm_agent_protocol::signature::{MAX_AGE, MAX_AHEAD, Signed};
use parking_lot::Mutex;
use std::{
    collections::HashSet,
    hash::{BuildHasher as _, RandomState},
    mem,
};

/// Minimum time for which a nonce is remembered, in seconds.
const REMEMBERED: u64 = MAX_AGE + MAX_AHEAD;

/// Checks that a timestamp is fresh. Errors with a timestamp that would be accepted. All in seconds since 1970.
pub(super) fn check_time(created: u64, now: u64) -> Result<(), u64> {
    match (now.saturating_sub(MAX_AGE)..=now + MAX_AHEAD).contains(&created) {
        true => Ok(()),
        false => Err(now),
    }
}

/// Reason why a valid signature is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReplayError {
    /// The timestamp is stale or in the future. `sign_at` would be accepted, in seconds since 1970.
    NotFresh { sign_at: u64 },
    /// The nonce was used before.
    Replayed,
}

/// Nonces of recent signatures.
pub(crate) struct ReplayGuard {
    started: u64,
    hasher: RandomState,
    seen: Mutex<Seen>,
}

/// Two generations of nonces, each as an unpredictable 64-bit hash. A nonce leaves with the older generation, which is
/// late enough.
struct Seen {
    /// Latest time seen: a clock that is set back must not make old signatures fresh.
    latest: u64,
    since: u64,
    newer: HashSet<u64>,
    older: HashSet<u64>,
}

impl ReplayGuard {
    pub(crate) fn new(started: u64) -> Self {
        Self {
            started,
            hasher: RandomState::new(),
            seen: Mutex::new(Seen {
                latest: started,
                since: started,
                newer: HashSet::new(),
                older: HashSet::new(),
            }),
        }
    }

    /// Accepts a verified signature once. Times are in seconds since 1970.
    pub(crate) fn take(&self, signed: &Signed, now: u64) -> Result<(), ReplayError> {
        let mut seen = self.seen.lock();
        seen.latest = seen.latest.max(now);
        let now = seen.latest;
        // An earlier run may have seen signatures of the second in which the server started.
        let earliest = (now - MAX_AGE.min(now)).max(self.started + 1);
        if !(earliest..=now + MAX_AHEAD).contains(&signed.created) {
            let sign_at = now.max(earliest);
            return Err(ReplayError::NotFresh { sign_at });
        }
        if now >= seen.since + REMEMBERED {
            let newer = mem::take(&mut seen.newer);
            // After a longer gap, these nonces are stale as well, and harmless.
            seen.older = newer;
            seen.since = now;
        }
        let nonce = self.hasher.hash_one((&signed.device, &signed.nonce));
        if seen.older.contains(&nonce) || !seen.newer.insert(nonce) {
            return Err(ReplayError::Replayed);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mdm_agent_protocol::{
        signature::{AGENT, Request, Stamp},
        signing_key::SigningKey,
    };

    const START: u64 = 1_800_000_000;

    fn signed(device: &str, created: u64, nonce: &str) -> Signed {
        let request = Request {
            method: "POST",
            path: "/",
            body: b"",
        };
        let stamp = Stamp {
            device,
            created,
            nonce,
        };
        let key = SigningKey::generate().unwrap();
        let headers = request.sign(stamp, &[(AGENT, &key)]).unwrap();
        Signed::of_request(&headers, AGENT).unwrap()
    }

    #[test]
    fn a_signature_counts_once_and_a_nonce_once_for_each_device() {
        let fresh = ReplayGuard::new(START);
        let now = START + 10;
        let first = signed("one", now, "n");
        assert_eq!(fresh.take(&first, now), Ok(()));
        assert_eq!(fresh.take(&first, now), Err(ReplayError::Replayed));
        assert_eq!(fresh.take(&signed("two", now, "n"), now), Ok(()));
        assert_eq!(fresh.take(&signed("one", now, "m"), now), Ok(()));
    }

    #[test]
    fn a_signature_stays_remembered_for_as_long_as_it_is_fresh() {
        for age in 0..=REMEMBERED + 1 {
            let fresh = ReplayGuard::new(START);
            let made = START + 1000;
            // Another nonce begins a generation beforehand.
            fresh.take(&signed("other", made, "o"), made).unwrap();
            let now = made + 30;
            let replayed = signed("one", now + MAX_AHEAD, "n");
            assert_eq!(fresh.take(&replayed, now), Ok(()));
            fresh
                .take(&signed("other", now + age, "p"), now + age)
                .unwrap();
            assert!(fresh.take(&replayed, now + age).is_err(), "after {age} s");
        }
    }

    #[test]
    fn a_signature_that_is_old_from_the_future_or_from_before_the_start_counts_for_nothing() {
        let fresh = ReplayGuard::new(START);
        let stale = |created, now| fresh.take(&signed("one", created, "n"), now);
        let not_fresh = |sign_at| Err(ReplayError::NotFresh { sign_at });
        assert_eq!(stale(START, START), not_fresh(START + 1));
        let now = START + 1000;
        assert_eq!(stale(now - MAX_AGE - 1, now), not_fresh(now));
        assert_eq!(stale(now + MAX_AHEAD + 1, now), not_fresh(now));
        assert_eq!(stale(now - MAX_AGE, now), Ok(()));
    }

    #[test]
    fn a_clock_that_is_set_back_makes_no_signature_new() {
        let fresh = ReplayGuard::new(START);
        let now = START + 1000;
        let old = signed("one", now, "n");
        assert_eq!(fresh.take(&old, now), Ok(()));
        let later = now + 10 * REMEMBERED;
        assert_eq!(fresh.take(&signed("one", later, "m"), later), Ok(()));
        assert_eq!(
            fresh.take(&old, now),
            Err(ReplayError::NotFresh { sign_at: later })
        );
    }
}
