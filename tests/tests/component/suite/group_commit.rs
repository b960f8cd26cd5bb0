//! Commits that come at the same time share a transaction, each stands for itself in it, and it is durable.

use crate::{database, test_host::owner};
use futures_util::future::join_all;
use mdm_agent_protocol::{sealing::PrivateKey, signing_key::SigningKey};
use mdm_server_core::{
    access::Caller,
    audit::AuditEntry,
    change::Change,
    metrics::Metrics,
    store::{Commit, NewDevice, Store, StoreError},
    token,
};
use mdm_server_sqlite::SqliteStore;
use std::{num::NonZeroUsize, time::Duration};
use tempfile::TempDir;

const DEVICES: usize = 100;

/// The number of transactions for commits that all wait for another writer. Every tenth has an old version, and must be
/// refused alone.
async fn transactions(calls_per_commit: NonZeroUsize) -> u64 {
    let folder = TempDir::new().unwrap();
    let metrics = Metrics::default();
    let counted = metrics.store.clone();
    let store = database::open_with(folder.path(), calls_per_commit, counted).await;
    for number in 0..DEVICES {
        enroll(store.as_ref(), &number.to_string()).await;
    }
    let other = database::hold(folder.path());
    let before = counted_commits(&metrics);
    let commits = (0..DEVICES).map(|number| {
        let version = if number % 10 == 0 { 7 } else { 0 };
        store.commit(Commit {
            device: number.to_string(),
            version,
            at: 5,
            changes: vec![Change::SetDeviceInfo(owner())],
            bulk: None,
            audit: None,
        })
    });
    let let_go = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        drop(other);
    };
    let (committed, ()) = tokio::join!(join_all(commits), let_go);
    for (number, committed) in committed.into_iter().enumerate() {
        let snapshot = store.snapshot(&number.to_string()).await.unwrap().unwrap();
        if number % 10 == 0 {
            assert!(matches!(committed, Err(StoreError::Conflict)));
            assert_eq!(snapshot.version, 0);
        } else {
            committed.unwrap();
            assert_eq!(snapshot.version, 1);
        }
    }
    counted_commits(&metrics) - before
}

fn counted_commits(metrics: &Metrics) -> u64 {
    let text = metrics.text().unwrap();
    let mut lines = text.lines();
    let count = lines.find_map(|line| line.strip_prefix("mdm_store_commit_seconds_count "));
    count.unwrap().parse().unwrap()
}

async fn enroll(store: &dyn Store, id: &str) {
    let token = token::digest(id);
    let audit = AuditEntry::new(1, &Caller::host(), "add-enrollment-token");
    store
        .add_enrollment_token(token, Vec::new(), 1000, audit.into())
        .await
        .unwrap();
    let device = NewDevice {
        id: id.into(),
        name: id.into(),
        public_key: PrivateKey::generate().1,
        signing_key: SigningKey::generate().unwrap().verifying_key().clone(),
        device_info: owner(),
        at: 1,
    };
    assert!(store.enroll(token, device).await.unwrap());
}

#[tokio::test]
async fn commits_that_wait_together_are_one_transaction_in_which_each_stands_for_itself() {
    assert_eq!(transactions(SqliteStore::CALLS_PER_COMMIT).await, 1);
}

#[tokio::test]
async fn no_more_calls_share_a_commit_than_may() {
    let four = NonZeroUsize::new(4).unwrap();
    assert_eq!(transactions(four).await, 25);
}

#[tokio::test]
async fn where_no_calls_may_share_a_commit_each_has_one_of_its_own() {
    assert_eq!(transactions(NonZeroUsize::MIN).await, DEVICES as u64);
}

#[tokio::test]
async fn the_connection_that_writes_waits_for_the_disk_with_each_commit() {
    let folder = TempDir::new().unwrap();
    let store = database::open(folder.path()).await;
    database::note_durability(folder.path());
    enroll(store.as_ref(), "phone").await;
    assert_eq!(database::noted(folder.path()), database::DURABLE);
}
