//! What replicas of a host share beside what they keep: several hosts on one database, of which any can be asked
//! anything.

use super::StoreError;
use async_trait::async_trait;
use mdm_wire::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a replica did.
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

/// How often somebody has called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallCount {
    /// Which limit it counts for.
    pub limit: String,
    /// Who.
    pub caller: String,
    /// How often.
    pub calls: u32,
}

/// What is heard of other replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// One of them did this.
    Changes(Changes),
    /// One of them was called.
    Calls(Vec<CallCount>),
    /// For a while nothing could be heard, or it is not known whether a commit of this host's was made: anything may
    /// have changed.
    Missed,
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

/// What replicas share beside what they keep.
#[async_trait]
pub trait Replicas: Send + Sync + 'static {
    /// Waits for what other replicas do.
    async fn hear(&self) -> Heard;

    /// Whether this is the one replica that does what is to be done once: it ends commands whose time is over, runs
    /// bulks and tells webhooks.
    fn leads(&self) -> bool;

    /// This host stops: another replica is to lead, and it hears nothing more.
    fn leave(&self);

    /// Remembers a signature of a device, made at this time in seconds since 1970, once among all replicas.
    async fn take_signature(
        &self,
        device: &str,
        nonce: &str,
        created: u64,
    ) -> Result<Result<(), NotTaken>, StoreError>;

    /// An agent waits for news at this replica, or comes back for more until then.
    async fn note_contact(&self, device: &str, until: Timestamp) -> Result<(), StoreError>;

    /// Tells the other replicas who called how often.
    async fn tell_calls(&self, calls: Vec<CallCount>) -> Result<(), StoreError>;
}
