//! Replicas of this server on the same store.

use crate::{
    limiter::Limiter,
    log::LogThrottle,
    store::{Lead, Replicas},
};
use parking_lot::Mutex;
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// Interval at which replicas exchange their counts of calls.
const SHARE_INTERVAL: Duration = Duration::from_millis(200);

/// This replica and its view of the others.
#[derive(Default)]
pub struct Cluster {
    /// `None` if the store supports one server only.
    replicas: Option<Arc<dyn Replicas>>,
    /// Rate limits that replicas share.
    limits: Mutex<Vec<Arc<Limiter>>>,
}

impl Cluster {
    pub(crate) fn new(replicas: Option<Arc<dyn Replicas>>) -> Self {
        Self {
            replicas,
            limits: Mutex::default(),
        }
    }

    /// The other replicas. Returns `None` if the store supports one server only.
    pub(crate) fn replicas(&self) -> Option<&Arc<dyn Replicas>> {
        self.replicas.as_ref()
    }

    /// The lead for work that one replica does for all. Returns `None` while another replica has it.
    pub(crate) fn lead(&self) -> Option<Lead> {
        match &self.replicas {
            Some(replicas) => replicas.lead(),
            None => Some(Lead::ALONE),
        }
    }

    /// Resigns the lead, so that another replica need not wait for it.
    pub(crate) fn resign(&self) {
        if let Some(replicas) = &self.replicas {
            replicas.resign();
        }
    }

    /// Shares a rate limit with other replicas.
    pub fn share_limit(&self, limit: &Arc<Limiter>) {
        if self.replicas.is_some() {
            limit.share();
            self.limits.lock().push(Arc::clone(limit));
        }
    }

    pub(crate) fn limits(&self) -> Vec<Arc<Limiter>> {
        self.limits.lock().clone()
    }

    /// Sends counts of calls to other replicas, until the server stops.
    pub(crate) async fn notify_call_counts(&self, closing: CancellationToken) {
        let Some(replicas) = &self.replicas else {
            return;
        };
        let failures = LogThrottle::every_second();
        while !closing.is_cancelled() {
            tokio::time::sleep(SHARE_INTERVAL).await;
            let limits = self.limits();
            let counts: Vec<_> = limits.iter().flat_map(|limit| limit.untold()).collect();
            if !counts.is_empty()
                && let Err(error) = replicas.notify_call_counts(counts).await
                && let Some(held_back) = failures.admit()
            {
                tracing::warn!(%error, held_back, "the counts of requests were not shared with other replicas");
            }
        }
    }
}
