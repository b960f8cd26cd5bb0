//! The lease of the replica that leads. It is granted, renewed and compared by the database's clock, so the clocks of
//! hosts may differ.

use super::{connection::Executor, rows::to_i64};
use crate::connection::failed;
use crate::rows::Columns as _;
use mdm_server_core::store::{Lead, StoreError};
use parking_lot::{Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tokio_postgres::Client;

/// The time from the last renewal to the expiry of a lease. A leader that froze is replaced one second later.
const LEASE: Duration = Duration::from_secs(6);

/// Takes the lease if it is free or has expired, or renews it. Another holder begins another term.
const RENEW: &str = "update leadership set holder = $1, \
    term = case when holder = $1 then term else term + 1 end, \
    expires_at = clock_timestamp() + $2::bigint * interval '1 millisecond' \
    where holder = $1 or expires_at < clock_timestamp() returning term";

/// Releases the lease.
const RELEASE: &str = "update leadership set expires_at = '-infinity' where holder = $1";

/// Fencing: finds a row if no later term has begun. The transaction holds the writers' lock, so a leader of a later
/// term writes after it.
const FENCE: &str = "select 1 from leadership where term = $1";

/// The lease, as this replica knows it.
pub(super) struct Lease {
    holder: String,
    held: Mutex<Option<HeldLease>>,
}

#[derive(Clone, Copy)]
struct HeldLease {
    term: u64,
    /// Not after the lease expires in the database: it is counted from before the renewal was sent.
    until: Instant,
}

impl Lease {
    pub(super) fn new(holder: String) -> Self {
        Self {
            holder,
            held: Mutex::default(),
        }
    }

    /// Returns `None` if another replica holds the lease, or this one could not renew it in time.
    pub(super) fn lead(&self) -> Option<Lead> {
        let held = (*self.held()).filter(|held| Instant::now() < held.until);
        held.map(|held| Lead::in_term(held.term))
    }

    /// Renews the lease, or takes it after its expiry.
    pub(super) async fn renew(&self, client: &Client) -> Result<(), StoreError> {
        let sent = Instant::now();
        let time = i64::try_from(LEASE.as_millis()).unwrap_or(i64::MAX);
        let renewed = client
            .query_opt(RENEW, &[&self.holder, &time])
            .await
            .map_err(failed)?;
        let term = renewed.map(|row| row.column::<i64>(0)).transpose()?;
        let now = term.map(|term| HeldLease {
            term: term.unsigned_abs(),
            until: sent + LEASE,
        });
        let before = std::mem::replace(&mut *self.held(), now);
        match (before.map(|it| it.term), now.map(|it| it.term)) {
            (before, Some(term)) if before != Some(term) => {
                tracing::info!(term, "is the leader")
            }
            (Some(term), None) => {
                tracing::warn!(term, "is no longer the leader")
            }
            _ => {}
        }
        Ok(())
    }

    /// Releases the lease, so that another replica need not wait for its expiry.
    pub(super) async fn release(&self, client: &Client) -> Result<(), StoreError> {
        if self.held().take().is_some() {
            client
                .execute(RELEASE, &[&self.holder])
                .await
                .map_err(failed)?;
        }
        Ok(())
    }

    fn held(&self) -> MutexGuard<'_, Option<HeldLease>> {
        self.held.lock()
    }
}

/// Lets through what no other replica does now. It compares the term of a lead once a transaction.
#[derive(Default)]
pub(super) struct Fence {
    checked: Option<(u64, bool)>,
}

impl Fence {
    /// Returns `false` if another term has begun.
    pub(super) async fn lets(
        &mut self,
        lead: Lead,
        transaction: &impl Executor,
    ) -> Result<bool, StoreError> {
        let Some(term) = lead.term() else {
            return Ok(true);
        };
        match self.checked {
            Some((checked, lets)) if checked == term => Ok(lets),
            _ => {
                let found = transaction.row_if_any(FENCE, &[&to_i64(term)]).await?;
                self.checked = Some((term, found.is_some()));
                Ok(found.is_some())
            }
        }
    }
}
