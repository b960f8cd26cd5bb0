//! Which of those that open a store in PostgreSQL takes the lead, and what its lease lets it write.

use crate::database;
use mdm_server_core::store::{Lead, Replicas, StoreError};
use std::{path::Path, sync::Arc, time::Duration};

const TIMEOUT: Duration = Duration::from_secs(20);

fn has_leader(folder: &Path) -> bool {
    let leads = "select expires_at > clock_timestamp() from leadership";
    database::query(folder, leads) == "t"
}

async fn lead(replicas: &Arc<dyn Replicas>) -> Lead {
    let leads = async {
        loop {
            match replicas.lead() {
                Some(lead) => return lead,
                None => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    };
    tokio::time::timeout(TIMEOUT, leads).await.unwrap()
}

#[tokio::test]
async fn who_only_looks_into_the_store_takes_no_lead_from_hosts() {
    let folder = tempfile::TempDir::new().unwrap();
    let store = database::open(folder.path()).await;
    store.audit_lines(0, 10).await.unwrap();
    // A replica tries once a second.
    let start = database::query(folder.path(), "select clock_timestamp()");
    let is_over =
        format!("select clock_timestamp() > '{start}'::timestamptz + interval '3 seconds'");
    while database::query(folder.path(), &is_over) != "t" {
        assert!(!has_leader(folder.path()));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let replicas = store.replicas().unwrap();
    let first = lead(&replicas).await;
    assert!(has_leader(folder.path()));
    assert_eq!(first.term(), Some(1), "nobody has led before");
}

#[tokio::test]
async fn a_leader_whose_term_is_over_writes_nothing_as_a_leader() {
    let folder = tempfile::TempDir::new().unwrap();
    let store = database::open(folder.path()).await;
    let lead = lead(&store.replicas().unwrap()).await;
    let write = async || store.forget_plugin_choice().await;
    lead.run(write()).await.unwrap();
    let another = "update leadership set holder = 'another', term = term + 1, \
                   expires_at = clock_timestamp() + interval '1 hour' returning term";
    database::query(folder.path(), another);
    let refused = lead.run(write()).await;
    assert!(matches!(refused, Err(StoreError::NotLeader)), "{refused:?}");
    // Writes that any replica may make are still allowed.
    write().await.unwrap();
}
