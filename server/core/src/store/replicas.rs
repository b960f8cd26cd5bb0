//! Communication between replicas: several servers on one database, each of which serves any request.

use super::StoreError;
use async_trait::async_trait;
use mdm_contract::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The changes by a replica.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Changes {
    /// These devices have changed.
    pub devices: BTreeSet<String>,
    /// These bulks have.
    pub bulks: BTreeSet<String>,
    /// Another plugin was chosen.
    pub plugin: bool,
    /// There are new events for webhooks.
    pub events: bool,
}

impl Changes {
    /// Adds what else was done.
    pub fn add(&mut self, other: Self) {
        self.devices.extend(other.devices);
        self.bulks.extend(other.bulks);
        self.plugin |= other.plugin;
        self.events |= other.events;
    }
}

/// The number of requests of a caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallCount {
    /// Which limit it counts for.
    pub limit: String,
    /// The caller.
    pub caller: String,
    /// The number of requests.
    pub calls: u32,
}

/// An event from other replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplicaEvent {
    /// One of them did this.
    Changes(Changes),
    /// One of them was called.
    Calls(Vec<CallCount>),
    /// For a while nothing could be heard, or it is not known whether a commit of this host's was made: anything may
    /// have changed.
    Lagged,
}

/// A signature that was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// It was taken before.
    Replayed,
    /// It may have been: what was taken then is not remembered. One that is made at this time, in seconds since
    /// 1970, will do.
    Forgotten {
        /// When to sign.
        sign_at: u64,
    },
}

tokio::task_local! {
    static LEAD: Lead;
}

/// The right to do what one replica does for all: to end commands that have expired, to run bulks, to deliver webhooks.
/// Work that runs under it writes only while no other replica leads: its term is a fencing token, which the store
/// compares in each transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lead {
    term: Option<u64>,
}

impl Lead {
    /// That of a host without replicas, whose writes need no fencing.
    pub const ALONE: Self = Self { term: None };

    /// That of a replica: the store counts a term for each time that another one takes the lead.
    pub fn in_term(term: u64) -> Self {
        Self { term: Some(term) }
    }

    /// The one that the current task runs under. What a task spawns runs under none, unless it passes it on.
    pub fn current() -> Self {
        LEAD.try_with(|lead| *lead).unwrap_or(Self::ALONE)
    }

    /// The fencing token; `None` if there is nothing to compare.
    pub fn term(self) -> Option<u64> {
        self.term
    }

    /// Runs work under it.
    pub async fn run<T>(self, work: impl Future<Output = T>) -> T {
        LEAD.scope(self, work).await
    }
}

/// Communication between replicas.
#[async_trait]
pub trait Replicas: Send + Sync + 'static {
    /// Waits for what other replicas do.
    async fn recv(&self) -> ReplicaEvent;

    /// Returns `None` if another replica leads, or none does.
    fn lead(&self) -> Option<Lead>;

    /// This host stops: it hears nothing more, and gives the lead up, so that another replica need not wait for its
    /// lease to expire.
    fn resign(&self);

    /// Remembers a signature of a device, made at this time in seconds since 1970, once among all replicas.
    async fn take_signature(
        &self,
        device: &str,
        nonce: &str,
        created: u64,
    ) -> Result<Result<(), NotTaken>, StoreError>;

    /// An agent waits for news at this replica, or comes back for more until then.
    async fn note_presence(&self, device: &str, until: Timestamp) -> Result<(), StoreError>;

    /// Tells the other replicas who called how often.
    async fn notify_call_counts(&self, calls: Vec<CallCount>) -> Result<(), StoreError>;
}
