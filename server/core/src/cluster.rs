//! Replicas of this server on the same store.

use crate::{
    limiter::Limiter,
    log::LogThrottle,
    store::{Lead, Replicas},
};
use parking_lot::Mutex;
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// How often replicas tell each other who called.
const SHARE_INTERVAL: Duration = Duration::from_millis(200);

/// This replica among the others.
#[derive(Default)]
pub struct Cluster {
    /// `None` if the store takes no other server.
    replicas: Option<Arc<dyn Replicas>>,
    /// The limits that replicas have together.
    limits: Mutex<Vec<Arc<Limiter>>>,
}

impl Cluster {
    pub(crate) fn new(replicas: Option<Arc<dyn Replicas>>) -> Self {
        Self {
            replicas,
            limits: Mutex::default(),
        }
    }

    /// The other replicas; `None` if there can't be any.
    pub(crate) fn replicas(&self) -> Option<&Arc<dyn Replicas>> {
        self.replicas.as_ref()
    }

    /// The right to do what one replica does for all; `None` while another replica has it.
    pub(crate) fn lead(&self) -> Option<Lead> {
        match &self.replicas {
            Some(replicas) => replicas.lead(),
            None => Some(Lead::ALONE),
        }
    }

    /// Gives up the lead, so that another replica need not wait for it.
    pub(crate) fn resign(&self) {
        if let Some(replicas) = &self.replicas {
            replicas.resign();
        }
    }

    /// Counts calls for this limit together with the calls at other replicas.
    pub fn share_limit(&self, limit: &Arc<Limiter>) {
        if self.replicas.is_some() {
            limit.share();
            self.limits.lock().push(Arc::clone(limit));
        }
    }

    pub(crate) fn limits(&self) -> Vec<Arc<Limiter>> {
        self.limits.lock().clone()
    }

    /// Tells other replicas who called here, until the server stops.
    pub(crate) async fn tell_calls(&self, closing: CancellationToken) {
        let Some(replicas) = &self.replicas else {
            return;
        };
        let failures = LogThrottle::every_second();
        while !closing.is_cancelled() {
            tokio::time::sleep(SHARE_INTERVAL).await;
            let limits = self.limits();
            let counts: Vec<_> = limits.iter().flat_map(|limit| limit.untold()).collect();
            if !counts.is_empty()
                && let Err(error) = replicas.tell_calls(counts).await
                && let Some(held_back) = failures.admit()
            {
                tracing::warn!(%error, held_back, "other replicas don't know who called here");
            }
        }
    }
}
