//! Commits that come at the same time share a transaction, and each stands for itself in it.

use crate::fleet::owner;
use futures_util::future::join_all;
use mdm_host::{
    access::Caller,
    audit::AuditEntry,
    change::Change,
    metrics::StoreMetrics,
    store::{Commit, Devices as _, Enrollment as _, NewDevice, SqliteStore, StoreError},
    token,
};
use mdm_wire::{sealing::PrivateKey, signing_key::SigningKey};
use rusqlite::Connection;
use std::{num::NonZeroUsize, time::Duration};
use tempfile::TempDir;

const DEVICES: usize = 100;

/// How many transactions so many commits take which all wait for somebody else who writes; every tenth rests on an old
/// version, and is to be refused alone.
async fn transactions(calls_per_commit: NonZeroUsize) -> u64 {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("mdm.db");
    let metrics = StoreMetrics::default();
    let store = SqliteStore::open_with(&file, calls_per_commit, metrics).unwrap();
    for number in 0..DEVICES {
        enroll(&store, &number.to_string()).await;
    }
    let other = Connection::open(&file).unwrap();
    other.execute_batch("begin immediate").unwrap();
    let before = store.transactions();
    let commits = (0..DEVICES).map(|number| {
        let version = if number % 10 == 0 { 7 } else { 0 };
        store.commit(Commit {
            device: number.to_string(),
            version,
            at: 5,
            changes: vec![Change::Tell(owner())],
            bulk: None,
            audit: None,
        })
    });
    let let_go = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        other.execute_batch("commit").unwrap();
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
    store.transactions() - before
}

async fn enroll(store: &SqliteStore, id: &str) {
    let token = token::digest(id);
    let audit = AuditEntry::new(1, &Caller::host(), "add-enrollment-token");
    store
        .add_enrollment_token(token, Vec::new(), 1000, audit)
        .await
        .unwrap();
    let device = NewDevice {
        id: id.into(),
        name: id.into(),
        public_key: PrivateKey::generate().1,
        signing_key: SigningKey::generate().unwrap().verifying_key().clone(),
        told: owner(),
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
