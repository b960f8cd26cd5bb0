//! Failed logins in the audit trail: counted, so that guesses can't flood the trail.
//!
//! The first failure of a user from a network gets its line at once. Further failures within [`WINDOW`] share one line
//! when the window ends. A typed name is kept only if a user has it, because it may be a password.

use crate::{access::Caller, actor::Actor, audit::AuditEntry, limiter::network, store::Store};
use mdm_contract::time::{self, Timestamp};
use parking_lot::{Mutex, MutexGuard};
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{sync::Notify, time::timeout};
use tokio_util::sync::CancellationToken;

/// Window in which further failures are counted for one line.
const WINDOW: Duration = Duration::from_secs(600);

/// Limit of networks that are counted separately in a window. Failures from others are counted together.
const MAX_NETWORKS: usize = 100;

/// Pause before a line that the store did not accept is retried.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// Timeout of the last write when the server stops.
const LAST_WRITE_TIMEOUT: Duration = Duration::from_secs(1);

/// The kind of a wrong secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Secret {
    /// A password.
    Password,
    /// A one-time password. The password was right.
    Code,
}

/// Key by which failures are counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct FailedLogin {
    /// The user whose secret was guessed. `None` if no user has the typed name.
    pub(super) user: Option<String>,
    /// Address of the guess.
    pub(super) address: Option<IpAddr>,
    /// Kind of the wrong secret.
    pub(super) secret: Secret,
    /// `true` if a session of that user asked for the secret.
    pub(super) in_session: bool,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    since: Timestamp,
    until: Instant,
    /// Failures that are not in the audit trail yet.
    failures: u64,
    /// `true` after the first line is written.
    is_told: bool,
}

/// Failed logins that are not in the audit trail yet.
#[derive(Default)]
pub(crate) struct FailedLogins {
    counts: Mutex<HashMap<FailedLogin, Count>>,
    /// Notified of a first failure.
    new: Notify,
}

impl FailedLogins {
    fn lock(&self) -> MutexGuard<'_, HashMap<FailedLogin, Count>> {
        self.counts.lock()
    }

    /// Counts a failure.
    pub(super) fn count(&self, failed: FailedLogin) {
        self.count_at(failed, Instant::now());
    }

    /// Counts a login that was refused before the password was compared. The user is known only if an earlier attempt
    /// from the same network has shown that the name exists.
    pub(super) fn count_throttled(&self, name: &str, address: Option<IpAddr>) {
        let mut failed = FailedLogin {
            user: Some(name.to_owned()),
            address: address.map(network),
            secret: Secret::Password,
            in_session: false,
        };
        if !self.lock().contains_key(&failed) {
            failed.user = None;
        }
        self.count(failed);
    }

    fn count_at(&self, mut failed: FailedLogin, now: Instant) {
        failed.address = failed.address.map(network);
        let mut counts = self.lock();
        if counts.len() >= MAX_NETWORKS && !counts.contains_key(&failed) {
            failed.address = None;
        }
        let count = counts.entry(failed).or_insert_with(|| Count {
            since: time::now(),
            until: now + WINDOW,
            failures: 0,
            is_told: false,
        });
        count.failures += 1;
        if !count.is_told {
            self.new.notify_one();
        }
    }

    /// Takes the counts that are due now.
    fn take_due(&self, now: Instant) -> Vec<(FailedLogin, Count)> {
        let mut due = Vec::new();
        self.lock().retain(|failed, count| {
            let is_over = now >= count.until;
            if count.failures > 0 && (is_over || !count.is_told) {
                due.push((failed.clone(), *count));
                count.failures = 0;
                count.is_told = true;
            }
            !is_over
        });
        due
    }

    /// Puts back counts that could not be written.
    fn put_back(&self, failed: FailedLogin, kept: Count) {
        let mut counts = self.lock();
        let count = counts.entry(failed).or_insert(Count {
            failures: 0,
            ..kept
        });
        count.failures += kept.failures;
        count.is_told = kept.is_told;
        count.since = kept.since;
    }

    /// End of the next window.
    fn next_end(&self) -> Option<Instant> {
        self.lock().values().map(|count| count.until).min()
    }
}

fn line(failed: &FailedLogin, count: Count) -> AuditEntry {
    let FailedLogin {
        user,
        address,
        secret,
        in_session,
    } = failed;
    let whose = match user {
        Some(user) => format!("user {user}"),
        None => "a name that no user has".to_owned(),
    };
    let tries = match count.failures {
        1 => "1 failed try".to_owned(),
        number => format!("{number} failed tries"),
    };
    let what = match secret {
        Secret::Password => tries,
        Secret::Code => format!("{tries} with a wrong one-time password"),
    };
    let since = match count.is_told {
        true => time::rfc3339(count.since).map(|since| format!(", after the first of {since}")),
        false => None,
    };
    let by = Caller {
        actor: match (in_session, user) {
            (true, Some(user)) => Actor::User(user.clone()),
            _ => Actor::Stranger,
        },
        address: *address,
        ..Caller::host()
    };
    let action = match in_session {
        true => "confirmation-refused",
        false => "sign-in-refused",
    };
    AuditEntry {
        detail: Some(format!("{whose}: {what}{}", since.unwrap_or_default())),
        ..AuditEntry::new(time::now(), &by, action)
    }
}

/// Background task that writes failed logins into the audit trail. It is separate from the login, so that the response
/// time does not reveal the existence of a user.
pub struct FailedLoginWriter {
    pub(crate) failed_logins: Arc<FailedLogins>,
    pub(crate) store: Arc<dyn Store>,
}

impl FailedLoginWriter {
    /// Writes until the server stops. [`Self::write_last`] writes later failures.
    pub async fn run(&self, closing: CancellationToken) {
        while !closing.is_cancelled() {
            let is_written = self
                .write(self.failed_logins.take_due(Instant::now()))
                .await;
            let pause = async {
                if !is_written {
                    return tokio::time::sleep(RETRY_INTERVAL).await;
                }
                let new = self.failed_logins.new.notified();
                match self.failed_logins.next_end() {
                    Some(end) => drop(tokio::time::timeout_at(end.into(), new).await),
                    None => new.await,
                }
            };
            tokio::select! {
                () = pause => {}
                () = closing.cancelled() => {}
            }
        }
    }

    /// Writes the remaining counts, when no login is possible any more.
    pub async fn write_last(&self) {
        let rest = self.failed_logins.take_due(Instant::now() + WINDOW);
        let written = self.write(rest);
        if !matches!(timeout(LAST_WRITE_TIMEOUT, written).await, Ok(true)) {
            tracing::warn!("the last failed logins are not in the audit trail");
        }
    }

    /// Returns `false` if the store failed.
    async fn write(&self, due: Vec<(FailedLogin, Count)>) -> bool {
        if due.is_empty() {
            return true;
        }
        let lines = due.iter().map(|(failed, count)| line(failed, *count));
        let Err(error) = self.store.append_audit(lines.collect()).await else {
            return true;
        };
        tracing::warn!(%error, "failed logins are not in the audit trail yet");
        for (failed, count) in due {
            self.failed_logins.put_back(failed, count);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(user: Option<&str>, address: &str) -> FailedLogin {
        FailedLogin {
            user: user.map(str::to_owned),
            address: address.parse().ok(),
            secret: Secret::Password,
            in_session: false,
        }
    }

    #[test]
    fn the_first_failure_is_told_at_once_and_the_others_together_when_their_time_is_over() {
        let failed = FailedLogins::default();
        let start = Instant::now();
        let alice = by(Some("alice"), "10.0.0.1");
        failed.count_at(alice.clone(), start);
        let first = failed.take_due(start);
        assert_eq!(first.len(), 1);
        let told = line(&first[0].0, first[0].1);
        assert_eq!(told.detail.as_deref(), Some("user alice: 1 failed try"));
        for _ in 0..12 {
            failed.count_at(alice.clone(), start);
        }
        assert!(failed.take_due(start + WINDOW / 2).is_empty());
        let rest = failed.take_due(start + WINDOW);
        assert_eq!((rest.len(), rest[0].1.failures), (1, 12));
        let told = line(&rest[0].0, rest[0].1).detail.unwrap();
        assert!(
            told.starts_with("user alice: 12 failed tries, after the first of "),
            "{told}"
        );
        assert!(failed.lock().is_empty(), "nothing is kept for ever");
    }

    #[test]
    fn guesses_from_thousands_of_networks_by_thousands_of_names_make_few_lines() {
        let failed = FailedLogins::default();
        let start = Instant::now();
        for number in 0..5_000_u32 {
            let address = std::net::Ipv4Addr::from_bits(0x0a00_0000 + number).to_string();
            failed.count_at(by(None, &address), start);
        }
        let mut lines = failed.take_due(start);
        lines.extend(failed.take_due(start + WINDOW));
        let told: u64 = lines.iter().map(|(_, count)| count.failures).sum();
        assert_eq!(told, 5_000, "none is lost");
        assert!(lines.len() <= 2 * (MAX_NETWORKS + 1), "{}", lines.len());
        let same_network = ["2001:db8::1", "2001:db8::2"];
        let failed = FailedLogins::default();
        for address in same_network {
            failed.count_at(by(None, address), start);
        }
        assert_eq!(failed.take_due(start).len(), 1);
    }

    #[test]
    fn what_the_store_did_not_take_is_told_later() {
        let failed = FailedLogins::default();
        let start = Instant::now();
        failed.count_at(by(None, "10.0.0.1"), start);
        for (lost, count) in failed.take_due(start) {
            failed.put_back(lost, count);
        }
        failed.count_at(by(None, "10.0.0.1"), start);
        let again = failed.take_due(start);
        assert_eq!((again.len(), again[0].1.failures), (1, 2));
        assert!(!again[0].1.is_told, "it is the first line still");
    }
}
